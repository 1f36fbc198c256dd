"""`bakepy completion`: print the script by which a shell completes bakepy's words."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.cli import command
from bakepy.diagnostics import BakeError, nearest

USAGE = """Usage: bakepy completion bash|zsh|fish

Print a shell's completion script. Put this into its start-up file:

  bash  source <(bakepy completion bash)
  zsh   source <(bakepy completion zsh)
  fish  bakepy completion fish | source"""

BASH = r"""_bakepy() {
    local current=$2 line candidates=() directive
    local words=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    while IFS= read -r line; do
        candidates+=("${line%%$'\t'*}")
    done < <(bakepy __complete "${words[@]}" "$current" 2>/dev/null)
    [[ ${#candidates[@]} -gt 0 ]] || return
    directive=${candidates[-1]}
    unset 'candidates[-1]'
    COMPREPLY=()
    for line in "${candidates[@]}"; do
        [[ $line == "$current"* ]] && COMPREPLY+=("$line")
    done
    if [[ $directive == :6 ]]; then
        compopt -o nospace 2>/dev/null
    elif [[ $directive == :0 ]]; then
        COMPREPLY+=($(compgen -f -- "$current"))
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _bakepy bakepy
"""

ZSH = r"""#compdef bakepy
_bakepy() {
    local line directive
    local -a candidates lines
    lines=("${(@f)$(bakepy __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    directive=${lines[-1]}
    lines[-1]=()
    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        local value=${line%%$'\t'*} about=""
        [[ $line == *$'\t'* ]] && about=${line#*$'\t'}
        candidates+=("${value//:/\\:}:$about")
    done
    if [[ $directive == :6 ]]; then
        _describe 'bakepy' candidates -S ''
    else
        _describe 'bakepy' candidates
    fi
    [[ $directive == :0 ]] && _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _bakepy bakepy
"""

FISH = r"""function __bakepy_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (bakepy __complete $words[2..-1] 2>/dev/null)
    test (count $lines) -gt 0; or return
    if test (count $lines) -gt 1
        printf '%s\n' $lines[1..-2]
    end
    if test "$lines[-1]" = ":0"
        __fish_complete_path (commandline -ct)
    end
end
complete -c bakepy -f -a '(__bakepy_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raises BakeError."""
    given = command.begin(USAGE, command.COMMON, argv, at_most=1)
    if given is None:
        return 0
    shell = given.arguments[0] if given.arguments else ""
    if shell not in SCRIPTS:
        near = nearest(shell, SCRIPTS)
        what = f"there is no completion for {shell}" if shell else "name a shell"
        raise BakeError.of(what, f"shells: {', '.join(SCRIPTS)}", hint=f'did you mean "{near}"?' if near else "")
    print(SCRIPTS[shell], end="")
    return 0
