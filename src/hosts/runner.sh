# The runner of one operation: it starts the command where it was not started before, and leaves its result. It hangs
# on nothing of the courier: not on its session, not on its descriptors, not on its folder.
#
# The first lines of this file are its values. They and the standard input are in memory, and gone before anything else
# is done.

umask 077
s=
[ -z "$INVOCATION_ID" ] || clean
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
cd /
unset OLDPWD
{
  IFS= read -r S
  IFS= read -r HOME
  IFS= read -r USER
  IFS= read -r f
  IFS= read -r l
} <"$0"
S=${S#?} HOME=${HOME#?} USER=${USER#?} f=${f#?}
LOGNAME=$USER
export PATH LC_ALL HOME USER LOGNAME
set -f
IFS=' '
owner
set -- ${l#?}
op=$1 digest=$2 subject=$3 token=$4 run=$5 late=$6 own=$7 needs=$8 K=$9
shift 9
in=$1
shift
if [ "$in" = 1 ]; then exec 4<"$f.in"; else exec 4</dev/null; fi
rm -f "$0" "$f.in"
#point begun

o=$S/ops/$op
g=$S/guests/$subject
r=${me% *}-${me#* }

# leave WORD...: ends before the gate, and says why to whoever waits.
leave() {
  : >"$o/room.$r"
  : >"$o/rc.$r"
  printf '%s\n' "$*" >"$f.v"
  exit
} 2>/dev/null

# room: of owner, result and output; what can not be written later must not be started.
room() {
  echo "$b $me $op" >"$o/runner.$r" && printf '%64s\n' '' >"$o/rc.$r" && printf '%65536s' '' >"$o/room.$r" &&
    : >>"$o/out" && : >>"$o/err" && { [ -d "$g" ] || mkdir -p "$g"; }
}

# busy: leaves; `w` is at work.
busy() {
  [ "$w" != "$op" ] || leave elsewhere
  l=$w
  whose
  o=$S/ops/$op
  leave refused busy "$l" "${w:--}"
}

# fenced: leaves where somebody else holds the subject, or wants it left alone. Without a token it is fenced by a claim
# of another run; with one, by every later claim.
fenced() {
  if on_hold; then leave refused hold "$a" "$h"; fi
  claimed
  c=$?
  n=$((n - 1000000000))
  [ "$token" -lt "$n" ] || return
  [ "$token" != 0 ] || { [ "$c" = 0 ] && [ "$i" != "$run" ]; } || return
  leave refused fenced "$n" "${i:--}" "${h:--}" "${a:--}"
}

# unwatched: leaves where nobody looks after the guest that would be switched off: its watch is over, is another's, or was
# asked for so long ago that the time of the command is out.
unwatched() {
  [ "$needs" != - ] || return 0
  now
  marked && [ "$watch" = "$needs" ] || leave refused unwatched
  # After a boot it counts from there, as the watcher counts.
  [ "$x" = "$b" ] || y=0
  [ "$t" -le $((y + z + 6000)) ] || leave refused unwatched
}

# moved: leaves where the guest, whose power the run changes, is on this host no more: it is another's then, or nobody's.
moved() {
  marked && see 20 || return 0
  [ "$found" = yes ] || leave refused moved "${node:--}"
}

# watch: what is printed without end must not fill the disk. The beginning is kept.
watch() {
  exec 4<&-
  trap 'kill "$p" 2>/dev/null; exit' TERM
  while :; do
    sleep 2 &
    p=$!
    wait "$p"
    l=$(find "$o/out" "$o/err" -size +32768)
    for v in out err; do
      case $l in
      *"/$v"*)
        [ -e "$o/$v.cut" ] || head -c 1048577 "$o/$v" >"$o/$v.cut"
        : >"$o/$v"
        ;;
      esac
    done
  done
}

now
[ ! -e "$o/started" ] || leave elsewhere
known
[ "$old" = "$digest" ] || leave refused other
room 2>/dev/null || leave refused full "$(room 2>&1)"
enter
#point entered
fenced
unwatched
moved
now
[ "$t" -le "$late" ] || leave refused late
#point gate
if ! ln "$o/runner.$r" "$o/started" 2>/dev/null; then
  [ ! -e "$o/started" ] || leave elsewhere
  leave refused full "$(ln "$o/runner.$r" "$o/none" 2>&1)"
fi
#point started
if keep "$o/request" "$o/started" "$o/rc.$r" "$o" "$S/ops" 2>/dev/null; then
  : >"$o/room.$r"
  #point durable
  # The reply lands before the machine goes down.
  [ "$own" = 0 ] || sleep 2
  watch &
  p=$!
  (
    owner
    { echo "$b $me" >"$o/command.$r"; } 2>/dev/null
    umask 022
    become "$@"
  ) <&4 >>"$o/out" 2>>"$o/err" 4<&-
  c=$?
  exec 4<&-
  kill "$p" 2>/dev/null
else
  c=full
fi
#point ran
echo "$c end" 1<>"$o/rc.$r"
#point coded
keep "$o/rc.$r" "$o/out" "$o/err"
#point done
