#compdef cnn-train
# Completion of cnn-train for zsh. In ~/.zshrc: eval "$(cnn-train completion zsh)"
_cnn_train() {
    local program=${words[1]/#\~/$HOME} mode match shown key
    local -a whole whole_shown open open_shown files files_shown folders folders_shown
    whence -p -- "$program" >/dev/null || program=cnn-train
    while IFS=$'\t' read -r mode match shown; do
        case $mode in
            whole) whole+=("$match") whole_shown+=("$shown") ;;
            open) open+=("$match") open_shown+=("$shown") ;;
            file) files+=("$match") files_shown+=("$shown") ;;
            folder) folders+=("$match") folders_shown+=("$shown") ;;
            message) _message -r "$match" ;;
        esac
    done < <("$program" completion answer zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if [[ $PREFIX == *=* ]]; then
        key=${PREFIX%%=*}=
        compset -p ${#key}
    fi
    _describe -V 'cnn-train' whole_shown whole -- open_shown open -S ''
    # -f: as names of files, where a leading ~ stays as it is
    compadd -f -V files -d files_shown -a files
    compadd -f -V files -d folders_shown -S '' -a folders
}
if [[ $funcstack[1] == _cnn-train ]]; then
    _cnn_train "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _cnn_train cnn-train
fi
