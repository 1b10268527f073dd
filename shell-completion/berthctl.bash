# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of berthctl(1) for bash: berthctl knows its verbs, options and objects itself.
# shellcheck shell=bash

# Bash splits words at ":" and "=", berthctl does not: put together what stands together on the line.
__berthctl_words() {
        local i word rest=${COMP_LINE:0:COMP_POINT}

        words=()
        for ((i = 0; i <= COMP_CWORD; i++)); do
                word=${COMP_WORDS[i]}
                if ((i > 0)) && [[ $rest == "$word"* ]]; then
                        words[-1]+=$word
                else
                        words+=("$word")
                        rest=${rest#"${rest%%[![:space:]]*}"}
                fi
                rest=${rest#"$word"}
        done
}

# Local paths beside other words: readline's own treatment of file names would quote the ":" of those.
__berthctl_paths() {
        local path

        while IFS= read -r path; do
                if [[ -d $path ]]; then
                        path+=/
                fi
                COMPREPLY+=("$(printf '%q' "$path")")
        done < <(compgen -f -- "$1")
}

__berthctl() {
        local words line current glued mixed=

        __berthctl_words
        current=${words[-1]}
        # Bash replaces only what it takes for the word: the piece behind the last ":" or "=".
        glued=${current%"${COMP_WORDS[COMP_CWORD]}"}
        if [[ ${COMP_WORDS[COMP_CWORD]} == [:=] ]]; then
                glued=$current
        fi

        COMPREPLY=()
        while IFS= read -r line; do
                line=${line%%$'\t'*}
                case $line in
                :nospace) mixed=1 && compopt -o nospace ;;
                :file)
                        if [[ $mixed ]]; then
                                __berthctl_paths "${current#"$glued"}"
                        else
                                mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${current#"$glued"}")
                                compopt -o filenames
                        fi
                        ;;
                :directory)
                        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "${current#"$glued"}")
                        compopt -o filenames
                        ;;
                *=) compopt -o nospace && COMPREPLY+=("${line#"$glued"}") ;;
                *) COMPREPLY+=("$(printf '%q' "${line#"$glued"}")") ;;
                esac
        done < <(berthctl __complete "${words[@]:1}" 2> /dev/null)
}

complete -F __berthctl berthctl
