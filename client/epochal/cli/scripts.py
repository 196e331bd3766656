"""The completion scripts. They hand what has been typed to `epochal __complete` and offer its lines: nothing that a
service says is ever evaluated by the shell."""

from __future__ import annotations

BASH = r"""# bash completion of epochal. Words are split at spaces alone: bash would split at : = and @ too.
_epochal() {
    local line="${COMP_LINE:0:COMP_POINT}" words
    read -r -a words <<< "$line"
    [[ "$line" == *" " ]] && words+=("")
    mapfile -t COMPREPLY < <(EPOCHAL_BREAKS="$COMP_WORDBREAKS" epochal __complete bash "${words[@]:1}" 2> /dev/null)
    if [[ "${COMPREPLY[0]-}" == ":files" ]]; then
        COMPREPLY=()
        compopt -o default
    elif [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=.] ]]; then
        compopt -o nospace
    fi
}
complete -F _epochal epochal
"""

ZSH = r"""#compdef epochal
# zsh completion of epochal.
_epochal() {
    local -a lines values shown
    local line
    lines=("${(@f)$(epochal __complete zsh "${(@)words[2,CURRENT]}" 2> /dev/null)}")
    if [[ "${lines[1]}" == ":files" ]]; then
        _files
        return
    fi
    for line in "${lines[@]}"; do
        [[ -z "$line" ]] && continue
        values+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  }")
    done
    if (( ${#values} == 1 )) && [[ "${values[1]}" == *[=.] ]]; then
        compadd -Q -S '' -- "${values[1]}"
    elif (( ${#values} )); then
        compadd -Q -l -d shown -a values
    fi
}
if [[ "$funcstack[1]" == "_epochal" ]]; then
    _epochal "$@"
else
    compdef _epochal epochal
fi
"""

FISH = r"""# fish completion of epochal.
function __epochal_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (epochal __complete fish $words[2..-1] "$current" 2> /dev/null)
    if test "$lines[1]" = ":files"
        __fish_complete_path "$current"
    else
        printf '%s\n' $lines
    end
end
complete -c epochal -f -a '(__epochal_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
