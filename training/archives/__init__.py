"""Archives that somebody uploaded: which members are images, and which split and class each has. Torch-free.

`kinds` tells an archive from its first bytes, `reading` reads it member by member, `layout` decides from all names and
label tables what each image is, and `splitting` splits off a test split where there is none.

All of it treats an archive as hostile: nothing is written, nothing is unpickled, every read is bounded, names are data
and never paths, and what is wrong is told with the member's name.
"""
