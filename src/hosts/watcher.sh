# The watcher of one guest, or of all after a boot: it starts a guest that was switched off and that nobody has started.
# It hangs on nothing: not on a connection, not on who asked for it. It is called with the spool, by what files are
# brought to the disk, and a subject; without one it goes on with every watch that is there.
#
# It wakes nobody on whom a run or a person has a hand: a claim that holds, a command at work, a hold, a lock of the
# hypervisor. Times are the boot clock's; after a boot the bound counts anew from there.

umask 077
clean
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
HOME=${HOME:-/root} USER=${USER:-root}
LOGNAME=$USER
export PATH LC_ALL HOME USER LOGNAME
cd /
unset OLDPWD
set -f
IFS=' '
S=$1 K=$2

if [ $# -lt 3 ]; then
  p=
  trap 'kill $p 2>/dev/null; exit 0' TERM
  set +f
  for g in "$S"/guests/*/on; do
    [ -e "$g" ] || continue
    g=${g%/on}
    sh "$0" "$S" "$K" "${g##*/}" &
    p="$p $!"
  done
  wait
  exit
fi
g=$S/guests/$3
# The first look after the bound, the pause between two, how long a guest that runs is looked at, and one that is off;
# and how long a look may take, in seconds.
grace=6000 pause=60 late=360000 longest=8640000 most=60
#point pace

# me: sets me to the process that asks.
me() {
  read -r v </proc/self/stat
  set -- ${v##*) }
  me="${v%% *} ${20}"
}

# mine: whether this process is still the one that looks, and the guest still marked; sets what `marked` does.
mine() {
  v=
  read -r v <"$g/watcher"
  [ "$v" = "$owner" ] && marked
} 2>/dev/null

# look: sets seen to what there is to see of the guest: up, off, locked, or odd.
look() {
  seen=odd
  see "$most" || return
  seen=up
  if [ "$found$template" = yes ] && [ "$power" = stopped ]; then
    seen=off
    [ -z "$lock" ] || seen=locked
  fi
}

busy() {
  exit
}

leave() {
  exit
}

# wake: starts the guest as the one that is at work on it, in a process of its own; or leaves it to whoever has a hand on
# it.
wake() {
  me
  op=watch
  enter
  claimed && exit
  on_hold && exit
  now
  mine || exit
  #point wake
  value "$identity"
  guest=$v
  value "$wake"
  sh -c "$v" wake "$guest" </dev/null >"$g/woken" 2>&1
  printf '%s end\n' "$?" >>"$g/woken"
}

now
marked || exit 0
me
owner="$b $me $watch"
printf '%s\n' "$owner" >"$g/watcher.${me% *}" && mv "$g/watcher.${me% *}" "$g/watcher" || exit 1
p=
trap 'kill "$p" 2>/dev/null; exit 0' TERM
#point watching
while mine; do
  now
  # After a boot it counts from there.
  [ "$x" = "$b" ] || y=0
  first=$((y + z + grace))
  if [ "$t" -ge "$first" ]; then
    look
    case $seen in
    up) [ "$t" -lt $((first + late)) ] || break ;;
    *) [ "$t" -lt $((first + longest)) ] || break ;;
    esac
    [ "$seen" != off ] || (wake)
    #point looked
  fi
  sleep "$pause" &
  p=$!
  wait "$p"
  p=
done
if mine; then
  rm -f "$g/on"
  keep "$g"
fi
