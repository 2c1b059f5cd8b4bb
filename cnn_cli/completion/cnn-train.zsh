#compdef cnn-train
# Completion of cnn-train for zsh. In ~/.zshrc: eval "$(cnn-train completion zsh)"
_cnn_train() {
    local program=${words[1]/#\~/$HOME} mode match shown
    local -a whole whole_shown open open_shown
    whence -p -- "$program" >/dev/null || program=cnn-train
    while IFS=$'\t' read -r mode match shown; do
        case $mode in
            whole) whole+=("$match") whole_shown+=("$shown") ;;
            open) open+=("$match") open_shown+=("$shown") ;;
            message) _message -r "$match" ;;
        esac
    done < <("$program" completion answer zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    _describe -V 'cnn-train' open_shown open -S '' -- whole_shown whole
}
if [[ $funcstack[1] == _cnn-train ]]; then
    _cnn_train "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _cnn_train cnn-train
fi
