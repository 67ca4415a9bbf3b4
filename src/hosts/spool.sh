# What the courier and the runner know of the spool. It must run in dash, in busybox's ash and in bash.
#
# An owner is a line `BOOT PID START OPERATION`; whether it lives is seen in /proc. So nothing has to be given back by a
# process that is killed, no descriptor is inherited by a command, and no lock program is needed. What is counted
# (`NAME.N`) is made by whoever is first, and never loses its highest number, so that an old one is never made anew.

# now: sets t to the boot clock in hundredths of a second, and b to the boot id.
now() {
  read -r t v </proc/uptime
  v=${t#*.}
  t=$((${t%.*} * 100 + 1$v - 100))
  b=-
  read -r b </proc/sys/kernel/random/boot_id
} 2>/dev/null

# alive BOOT PID START: whether this process lives; one that is only not yet reaped does not.
alive() {
  [ "$1" = "$b" ] || return 1
  v=
  read -r v <"/proc/$2/stat" || return 1
  set -- "$3" ${v##*) }
  case $2 in
  Z | X | x) return 1 ;;
  esac
  [ "$1" = "${21}" ]
} 2>/dev/null

# keep FILE...: brings files and folders to the disk; `K` says by what.
keep() {
  case $K in
  sync | fsync) "$K" "$@" ;;
  *)
    for v; do
      [ -d "$v" ] || dd if=/dev/null of="$v" conv=notrunc,fsync 2>/dev/null || return
    done
    ;;
  esac
}

# last NAME: the highest of the subject's files NAME.N: sets v to its path and n to its number.
last() {
  set +f
  for v in "$g/$1".*; do :; done
  set -f
  n=${v##*.}
  [ -e "$v" ] || n=1000000000
}

# works FILE: whether the owner in this file is at work: sets w to its operation, and x, y and z to the owner.
works() {
  w=
  read -r x y z w <"$1"
  [ -n "$w" ] && ! ended "$S/ops/$w/rc.$y-$z" && { alive "$x" "$y" "$z" || goes_on "$S/ops/$w/command.$y-$z"; }
} 2>/dev/null

# goes_on FILE: whether the command in this file lives, whose runner does not.
goes_on() {
  set -- "$1" "$x" "$y" "$z"
  x= y= z=
  read -r x y z v <"$1"
  alive "$x" "$y" "$z"
  v=$?
  x=$2 y=$3 z=$4
  return "$v"
} 2>/dev/null

# owner: sets me to the process and its start.
owner() {
  read -r v </proc/self/stat
  set -- "${v%% *}" ${v##*) }
  me="$1 ${21}"
}

# ended FILE: whether a result stands in this file: sets c to it.
ended() {
  c= v=
  read -r c v <"$1"
  [ "$v" = end ]
} 2>/dev/null

# claimed: whether a claim on the subject holds: sets n to its number, or to the number before the first, and of
# the last claim i to the run, h to the holder, and a to how long ago it was made (`-`: before this boot).
claimed() {
  last claim
  [ "$n" -gt 1000000000 ] || return 1
  read -r x y z i h <"$v"
  a=-
  [ "$x" != "$b" ] || a=$((t - y))
  if [ -e "$g/lease.$n" ]; then
    read -r x y z <"$g/lease.$n"
  fi
  [ "$x" != released ] || return 1
  # The clock of another boot says nothing: the lease counts from the beginning of this one.
  [ "$x" = "$b" ] || y=0
  [ "$t" -le $((y + z)) ]
}

# known: the head of the request in `o`: sets old to its digest, x and y to the boot and the time up to which it may be
# started, self to whether it takes its machine down, and w to who asked for it. Fails where it is not whole.
known() {
  old= x= y= self= w= v=
  while :; do
    read -r v v old x y v v self w || break
    read -r v || break
    read -r v || break
    read -r v || break
    [ "$v" = end ]
    return
  done <"$o/request"
  return 1
} 2>/dev/null

# enter: this process is the one at work on the subject, for the operation in `op`, or it leaves: by `busy` where `w` is
# at work, else by `leave`. Each looks at the others after it has written
# itself down, so that of two at least one sees the other. The same holds for claims, which are looked at after this,
# and whose makers look afterwards at who is at work.
enter() {
  for l in 1 2 3 4 5 6 7 8 9; do
    last at
    works "$v" && busy
    a=$g/at.$n
    m=$g/at.$((n + 1))
    set -C
    echo "$b $me $op" >"$m"
    c=$?
    set +C
    last at
    if [ "$c" = 0 ] && [ "$v" = "$m" ]; then
      works "$a" && busy
      return
    fi
  done
  leave refused full
} 2>/dev/null

# whose: sets w to who asked for the operation `w`, which is at work on the subject; changes o.
whose() {
  if [ "$w" = watch ]; then
    marked
    w=$who
  else
    o=$S/ops/$w
    known
  fi
}

# marked: the watch over the guest in `g`: sets watch and w to its name, x, y and z to the boot and time in which it was
# asked for and how long its command may take, who to who asked for it, and identity, look and wake. Fails where there
# is none.
marked() {
  w= x= y= z= who= identity= look= wake= v=
  while :; do
    read -r v v watch x y z who identity || break
    read -r look || break
    read -r wake || break
    read -r v || break
    w=$watch
    [ "$v" = end ]
    return
  done <"$g/on"
  return 1
} 2>/dev/null

# see SECONDS: looks at the guest that is watched over as its driver does: sets found, template, node, lock and power.
# Fails where nothing can be seen. A look that hangs, as a storage or cluster file system can, is ended.
see() {
  value "$identity"
  l=$v
  value "$look"
  y="timeout -s KILL $1"
  # Older programs of that name want other words.
  $y true 2>/dev/null || y=
  v=$($y sh -c "$v" look "$l" </dev/null 2>/dev/null) || return
  found=no template= node= lock= power=
  while IFS='=' read -r x y; do
    case $x in
    found | template | node | lock | power) eval "$x=\$y" ;;
    esac
  done <<END
$v
END
}

# on_hold: whether a person wants the subject left alone: sets h to who, and a to for how long, in hundredths of a second.
on_hold() {
  x=
  read -r x y z h <"$g/hold"
  [ -n "$x" ] || return 1
  # The clock of another boot says nothing: it counts from the beginning of this one.
  [ "$x" = "$b" ] || y=0
  a=$((y + z - t))
  [ "$a" -ge 0 ]
} 2>/dev/null
