# What the courier and the runner of an operation share. It must run in dash, in busybox's ash and in bash.

# The environment is a defined one: nothing that a login, PAM, sudo or systemd has set reaches a command.
clean() {
  set -f
  IFS='
'
  for l in $(export -p); do
    case $l in
    'export '*) l=${l#export } ;;
    'declare -x '*) l=${l#declare -x } ;;
    *) continue ;;
    esac
    l=${l%%=*}
    case $l in
    HOME | USER | BASHOPTS | SHELLOPTS | PWD | OLDPWD | _ | *[!A-Za-z0-9_]*) ;;
    *) unset "$l" ;;
    esac
  done
  IFS=' '
}

# value FIELD: sets v to the field's value. A field that begins with % is encoded, any other is its own value.
value() {
  case $1 in
  %*)
    v=$(printf '%b.' "${1#%}")
    v=${v%.}
    ;;
  *) v=$1 ;;
  esac
}

# become N WORD... [NAME VALUE]...: becomes the command, in a process group of its own where `s` is `setsid`.
become() {
  n=$1
  e=$((($# - 1 - n) / 2))
  shift
  while [ "$n" -gt 0 ]; do
    value "$1"
    shift
    set -- "$@" "$v"
    n=$((n - 1))
  done
  LC_ALL=C.UTF-8
  export LC_ALL
  while [ "$e" -gt 0 ]; do
    value "$2"
    export "$1=$v"
    shift 2
    e=$((e - 1))
  done
  if ! command -v -- "$1" >/dev/null 2>&1; then
    printf '%s: command not found\n' "$1"
    exit 127
  fi >&2
  if [ -n "$s" ]; then
    exec "$s" -- "$@"
  fi
  exec "$@"
}
