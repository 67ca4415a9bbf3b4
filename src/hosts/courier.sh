#hostler courier, protocol 1
# The host's side: one POSIX shell that takes requests on its standard input and frames replies on its standard
# output. It is sent over the connection by `courier.rs`, which drops comments, and sets N (a nonce that only the
# two sides know) in front. It must run in dash, in busybox's ash and in bash.
#
# A request is one line of fields; its values are encoded (`value` below) and decoded by `printf %b`, so that no
# shell ever parses one:
#   r ID STDIN COUNT WORD... [NAME VALUE]...   a reading command: in a process group of its own, which `k` can end
#   k ID                                       end the reading command ID: TERM, then KILL
#   d ID...                                    these are over and done: remove their files
#   h                                          the controller is alive
#   p PROGRAM                                  what operations take (operation.sh); it comes before the first of these
#   o w s x q v f                              operations, claims and watches; see there
#
# A reply is three marks, each the nonce on a line of its own, with the raw bytes of the two streams between them.
# Lengths would cost two more processes a reply; a mark that no command can know costs none. Whatever else there is to
# say is one mark of words.

umask 022
clean
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
[ -n "$USER" ] || USER=$(id -un)
LOGNAME=$USER
export PATH LC_ALL HOME USER LOGNAME
cd /
unset OLDPWD

# Files of ours hold what commands print until it is sent: in memory where the host has a place for that, so that a
# full disk stops nobody from looking.
# Its name holds a part of the nonce only: everybody may list the folder above it.
d=.hostler-${N%????????????????????}
for l in /dev/shm /run /tmp /var/tmp "$HOME"; do
  if mkdir -m 700 "$l/$d" 2>/dev/null; then
    d=$l/$d
    break
  fi
done
# Whoever has read the one line from this pipe may write to the connection. No process is needed to take the turn,
# and none to give it back. A here-document is such a pipe, opened anew for both directions; in a shell that makes a
# file of it the pipe has a name.
exec 9<<T
turn
T
if [ -p /proc/self/fd/9 ]; then
  exec 9<>/proc/self/fd/9
elif mkfifo -m 600 "$d/turn"; then
  exec 9<>"$d/turn"
  echo >&9
else
  d=
fi
if [ ! -d "$d" ]; then
  printf '\n%s no-room\n' "$N"
  exit 1
fi
: >"$d/beat"

# Gives commands a process group of their own.
for s in /usr/bin/setsid /bin/setsid /usr/sbin/setsid ''; do
  [ -x "$s" ] && break
done

# reply CODE OUT ERR: the whole reply to the request `id`, its streams from these files.
reply() {
  read -r l <&9
  printf '\n%s r %s %s\n' "$N" "$id" "$1"
  [ -s "$2" ] && head -c 1048577 "$2"
  printf '\n%s s %s\n' "$N" "$id"
  [ -s "$3" ] && head -c 1048577 "$3"
  case $2 in
  "$d"/*)
    : >"$2"
    : >"$3"
    ;;
  esac
  # Nothing touches the folder after this: the controller may close the connection at once.
  printf '\n%s e %s\n' "$N" "$id"
  echo >&9
}

# The life of one reading command, in a child of the courier; `l` is its line.
job() {
  set -f
  set -- $l
  id=$2
  in=$3
  f=$d/$id
  shift 3
  # A limit in blocks of 512 bytes: what prints for ever must not fill the host's memory.
  if [ "$in" = % ]; then
    (
      ulimit -f 524288
      become "$@"
    ) </dev/null >"$f.o" 2>"$f.e" 9>&- &
  else
    { printf '%b' "${in#%}" 2>/dev/null; } 9>&- | (
      ulimit -f 524288
      become "$@"
    ) >"$f.o" 2>"$f.e" 9>&- &
  fi
  p=$!
  echo "$p" >"$f.p"
  wait "$p"
  c=$?
  : >"$f.p"
  reply "$c" "$f.o" "$f.e"
}

# end FILE SIGNAL: to the process group of the reading command whose pid file this is, if it is still there.
end() {
  p=
  read -r p <"$1" || return
  [ -n "$p" ] && { kill -s "$2" -- "-$p" || kill -s "$2" "$p"; }
} 2>/dev/null

end_all() {
  set +f
  l=1
  for f in "$d"/*.p; do
    end "$f" TERM && l=0
  done
  set -f
  return "$l"
}

leave() {
  if end_all; then
    sleep 1
    set +f
    for f in "$d"/*.p; do
      end "$f" KILL
    done
  fi
  rm -rf "$d" || {
    sleep 1
    rm -rf "$d"
  }
} 2>/dev/null

# Looks after the courier itself: a connection that is dead without saying so (no beat for 60 to 90 s), or a courier that
# was killed, must leave no command of ours behind.
guard() {
  # By `exec`, since a shell that redirects a function keeps copies: whoever holds the connection's streams keeps it open.
  exec </dev/null >/dev/null 2>&1 9>&-
  trap 'kill "$p" 2>/dev/null; exit' TERM
  m=0
  b=
  while :; do
    sleep 30 &
    p=$!
    wait "$p"
    read -r l <"$d/beat" || l=
    if [ "$l" = "$b" ]; then m=$((m + 1)); else m=0; fi
    b=$l
    if [ "$m" -ge 2 ] || ! kill -0 "$$" 2>/dev/null; then
      kill -s KILL "$$" 2>/dev/null
      leave
      exit
    fi
  done
}
guard &
g=$!

b=
t=
u=
read -r b </proc/sys/kernel/random/boot_id
read -r t l </proc/uptime
while IFS='	 ' read -r l u v; do
  [ "$l" = Uid: ] && break
done </proc/self/status
printf '\n%s hello 1 %s %s %s %s\n' "$N" "${b:--}" "${t%% *}" "${u:--}" "$USER"

t=0
IFS=' '
set -f
while IFS= read -r l; do
  case $l in
  r\ *)
    job &
    # Reaps those that ended.
    jobs >/dev/null
    ;;
  k\ *)
    f=$d/${l#k }.p
    if end "$f" TERM; then
      (
        sleep 2
        end "$f" KILL
      ) </dev/null >/dev/null 2>&1 9>&- &
    fi
    ;;
  d\ *)
    for l in ${l#d }; do
      set -- "$@" "$d/$l.o" "$d/$l.e" "$d/$l.p" "$d/$l.v"
    done
    rm -f "$@" &
    set --
    ;;
  h)
    t=$((t + 1))
    echo "$t" >"$d/beat"
    ;;
  [owsxqvf]\ *)
    asked &
    jobs >/dev/null
    ;;
  p\ *) eval "$(printf %b "${l#p }")" ;;
  esac
done
kill "$g"
leave
