"""Reports: a tree of blocks (`document`), written as HTML (`html.to_html`) or as Markdown (`markdown.to_markdown`).

What a report says is made once, of the blocks of `document`, for both forms. `text` writes numbers, `settings` explains
a spec, `findings` shows what a diagnosis says, and `job_report` puts the report of a job together.
"""
