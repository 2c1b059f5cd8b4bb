# Completion of cnn-train for bash. In ~/.bashrc: eval "$(cnn-train completion bash)"
_cnn_train() {
    local program=${1/#\~/$HOME} mode line
    type -P -- "$program" >/dev/null || program=cnn-train
    COMPREPLY=()
    {
        IFS= read -r mode
        while IFS= read -r line; do COMPREPLY+=("$line"); done
    } < <("$program" completion answer bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    # bash 3.2 has no compopt: there, a space has to be taken back by hand
    if [[ $mode == *open* ]]; then compopt -o nospace 2>/dev/null; fi
    if [[ $mode == *paths* ]]; then compopt -o filenames 2>/dev/null; fi
}
complete -o nosort -F _cnn_train cnn-train 2>/dev/null || complete -F _cnn_train cnn-train
