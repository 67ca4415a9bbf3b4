# The courier's part of operations and claims. `courier.rs` sends it behind the program, as one line, when the first of
# them is asked for; the program's main loop calls `asked` for each of these lines:
#   o ID OPERATION DIGEST SUBJECT TOKEN RUN LATEST OWN WATCH WHO STDIN COUNT WORD... [NAME VALUE]...
#                                 start it at most once, wait for its end, reply
#   w ID OPERATION                start nothing, wait for its end, reply
#   s ID OPERATION                the same, and do not wait
#   x ID OPERATION                see to it that it is not started any more
#   q ID VERB SUBJECT RUN HOLDER LEASE TOKEN    claims, see `claim`
#   v ID watch SUBJECT WATCH BOUND WHO IDENTITY LOOK WAKE    a guest is watched over while it is off, see `arm`
#   v ID unwatch SUBJECT WATCH    and is not any more
#   v ID hold SUBJECT LENGTH WHO  nobody acts on a guest for so long
#   v ID remove                   everything of ours is taken off the host
#   f OPERATION...                the results of these are known and kept elsewhere
# LATEST and LEASE are milliseconds from now. OWN is 1 for a command that takes down the machine that carries it out,
# WATCH the watch over its subject without which it is not started, or `-`.
# RUN, HOLDER and WHO are encoded, and go back as they came.
#
# What there is to say, besides whole replies, is a mark `a ID WORD...`:
#   refused WHY...   not started: fenced, late, busy, hold, moved, unwatched, full, memory, watcher, other (another request stands under this id)
#   accepted         not started, and nobody is about to start it
#   absent, cancelled, running
#   lost SECONDS     since when the host's clock says that it was started
#   claimed, held, kept, released, watched, unwatched, holding, removed
#
# The spool. What is left of it after a boot must tell what has been started, so it is on a disk:
#   ops/OPERATION/request          what it is
#   ops/OPERATION/runner.*         the owners that wanted to start it
#   ops/OPERATION/started          the owner that did, or `cancelled`: the gate, which opens once. It and the request
#                                  are on the disk before the command is started
#   ops/OPERATION/command.*        its process, should the owner be gone before it
#   ops/OPERATION/{out,err}        what it printed
#   ops/OPERATION/rc.*             of the owner that started it: `CODE end`, when it has ended; `full end` when nothing
#                                  could be brought to the disk, and nothing was started
#   ops/OPERATION/fetched          since when the controller has that
#   guests/SUBJECT/at.N            the owners that were at work on the subject
#   guests/SUBJECT/claim.N         its claims; N - 1000000000 is the token
#   guests/SUBJECT/lease.N         the renewed, or released, lease of a claim
#
# The courier, its runners and its watchers share `words.sh` and `spool.sh`; the texts of these two are the values of R
# and W.

case $u in
0) S=/var/lib/hostler ;;
*) S=$HOME/.local/state/hostler ;;
esac
#point spool
case $(sync --help 2>&1) in
*FILE*) K=sync ;;
*) if command -v fsync >/dev/null 2>&1; then K=fsync; else K=dd; fi ;;
esac
#runner
#watcher
# Lines of the file that a runner is given.
case $HOME$USER$d in
*'
'*) S=/dev/null/none ;;
esac

# answer WORD...: a mark of words for the request `id`.
answer() {
  : >"$f.p"
  read -r l <&9
  printf '\n%s a %s %s\n' "$N" "$id" "$*"
  echo >&9
}

# state: what became of the operation in `o`: sets st.
state() {
  st=absent
  if [ ! -e "$o/started" ]; then
    [ ! -e "$o/request" ] || st=accepted
    return
  fi
  x= y= z=
  read -r x y z w <"$o/started"
  if [ "$x" = cancelled ]; then
    st=cancelled
    return
  fi
  # The owner first: one that ends now has left its result before.
  st=lost
  alive "$x" "$y" "$z" && st=running
  [ "$st" = running ] || goes_on "$o/command.$y-$z" && st=running
  rc=$o/rc.$y-$z
  if ended "$rc"; then
    st=done
  elif [ "$st" = lost ] && [ "$x" != "$b" ]; then
    known
    if [ "$self" = 1 ]; then
      # What takes the machine down has done so.
      st=settled
      echo '0 end' 1<>"$rc" 2>/dev/null
    fi
  fi
}

# request WORD...: what is written of it. Of the environment the names only; the digest stands for all of it.
request() {
  printf 'operation 1 %s %s %s %s %s %s %s\n' "$digest" "$b" "$late" "$subject" "$token" "$own" "$who"
  n=$1
  printf argv
  shift
  while [ "$n" -gt 0 ]; do
    printf ' %s' "$1"
    shift
    n=$((n - 1))
  done
  printf '\nenv'
  while [ $# -gt 0 ]; do
    printf ' %s' "$1"
    shift 2
  done
  printf '\nend\n'
}

# accept WORD...: the request is written, and is this one; else sets why.
accept() {
  why=full
  if [ ! -d "$o" ] || [ ! -d "$S/guests/$subject" ]; then
    [ -d "$S/guests" ] || v=new
    mkdir -p "$o" "$S/guests/$subject" || return
    [ "$v" != new ] || keep "$S" "${S%/*}" "${S%/*/*}" || return
  fi
  #point made
  set -C
  request "$@" >"$o/request"
  n=$?
  set +C
  if [ "$n" != 0 ]; then
    # Somebody else has written it, is writing it, or was killed while writing; or there is no room.
    [ -e "$o/request" ] || return
    n=10
    until known || [ "$n" = 0 ]; do
      sleep 0.1
      n=$((n - 1))
    done
    if [ "$n" = 0 ]; then
      v=$o/request.$N-$id
      request "$@" >"$v" && keep "$v" && mv "$v" "$o/request" && known || return
    fi
    why=other
    [ "$old" = "$digest" ] || return
    why=full
    : >"$f.e"
    # The bound of the first one holds, as long as its clock goes on.
    [ "$x" != "$b" ] || [ "$y" -ge "$late" ] || late=$y
  fi
} 2>>"$f.e"

# launch WORD...: starts a runner, which is the leader of another session and hangs on nothing of ours, and waits for
# its end. What it needs is in two files in memory, which it removes before anything else.
launch() {
  case $d in
  /dev/shm/* | /run/*) ;;
  *)
    why=memory
    [ "$in" = 0 ] && [ $# = $(($1 + 1)) ] || return
    ;;
  esac
  why=full
  printf '#%s\n' "$S" "$HOME" "$USER" "$f" "$op $digest $subject $token $run $late $own $needs $K $in $*" "$R" >"$f.run" &&
    { [ "$in" = 0 ] || printf '%b' "$stdin" >"$f.in"; } && : >"$f.v" || return
  #point handed
  # Only the manager of a user who lingers outlives their sessions.
  n=--user
  [ "$u" != 0 ] || n=--system
  if { [ "$u" = 0 ] || [ -e "/var/lib/systemd/linger/$USER" ]; } &&
    [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
    XDG_RUNTIME_DIR=/run/user/$u systemd-run "$n" --quiet --wait --collect --unit="hostler-$op" --service-type=exec \
      -p KillMode=process sh "$f.run" </dev/null >/dev/null 2>&1 9>&- &
    wait_for
  fi
  # The file is still there where systemd has started nothing.
  if [ -e "$f.run" ]; then
    ${s:+"$s"} sh "$f.run" </dev/null >/dev/null 2>&1 9>&- &
    wait_for
  fi
  #point ended
  [ ! -e "$f.run" ] || rm -f "$f.run" "$f.in"
} 2>>"$f.e"

# wait_for: waits for the end of the runner that was just started; of one that takes this machine down, until it is
# about to.
wait_for() {
  p=$!
  #point launched
  if [ "$own" = 1 ]; then
    while [ ! -e "$o/started" ] && kill -0 "$p"; do sleep 0.05; done
  else
    wait "$p"
    #point waited
  fi
} 2>/dev/null

# follow: waits while the operation in `o` is running.
follow() {
  n=0
  now
  state
  while [ "$st" = running ]; do
    known
    [ "$self" != 1 ] || break
    if [ "$n" -lt 20 ]; then sleep 0.1; else sleep 1; fi
    n=$((n + 1))
    state
  done
}

# tell: says what became of the operation in `o`.
tell() {
  if [ "$st$c" = donefull ]; then
    st=full
  fi
  case $st in
  full) answer refused full ;;
  done)
    : >"$f.p"
    x=$o/out
    y=$o/err
    [ ! -e "$x.cut" ] || x=$x.cut
    [ ! -e "$y.cut" ] || y=$y.cut
    #point reply
    reply "$c" "$x" "$y"
    ;;
  running | settled)
    : >"$f.p"
    reply 0 /dev/null /dev/null
    ;;
  # When it was started: by that, and by what it is, a list of tasks may know what became of it.
  lost) answer lost "$(date -r "$o/started" +%s)" ;;
  *) answer "$st" ;;
  esac
}

# refuse: says why it is not started. A shell's own `printf` does not tell why nothing can be written; another does.
refuse() {
  l=
  [ ! -s "$f.e" ] || read -r l <"$f.e"
  if [ "$why" = full ]; then
    case $l in
    '' | *'I/O error') l=$({ head -c 65536 /dev/zero >"$S/ops/room.$N-$id"; } 2>&1) ;;
    esac
    rm -f "$S/ops/room.$N-$id" 2>/dev/null
  fi
  answer refused "$why" "$l"
}

# The life of one of these requests, in a child of the courier; `l` is its line.
asked() {
  set -f
  IFS=' '
  umask 077
  set -- $l
  id=$2
  op=$3
  f=$d/$id
  o=$S/ops/$op
  read -r v </proc/self/stat
  echo "${v%% *}" >"$f.p"
  now
  case $1 in
  o)
    digest=$4 subject=$5 token=$6 run=$7 late=$((t + $8 / 10)) own=$9
    shift 9
    needs=$1 who=$2 in=0 stdin=${3#%}
    [ "$3" = % ] || in=1
    shift 3
    #point asked
    operate "$@"
    ;;
  w)
    follow
    tell
    ;;
  [sx])
    if [ "$1" = x ]; then cancel; else state; fi
    if [ "$st" = running ]; then answer running; else tell; fi
    ;;
  q)
    g=$S/guests/$4
    claim "$3" "$5" "$6" "$7" "$8"
    ;;
  v)
    subject=$4
    g=$S/guests/$4
    case $3 in
    watch)
      shift 4
      arm "$@"
      ;;
    unwatch) disarm "$5" ;;
    hold) hold_off "$5" "$6" ;;
    remove) remove ;;
    esac
    ;;
  f)
    shift
    fetched "$@"
    ;;
  esac
}

operate() {
  state
  if [ "$st" = absent ] || [ "$st" = accepted ]; then
    accept "$@" || {
      refuse
      return
    }
    #point accepted
    launch "$@" || {
      refuse
      return
    }
    now
    state
    if [ "$st" = accepted ]; then
      why=
      read -r why <"$f.v"
      case $why in
      refused\ full*)
        why=full
        refuse
        return
        ;;
      refused\ *)
        answer "$why"
        return
        ;;
      esac
    fi
  elif known && [ "$old" != "$digest" ]; then
    why=other
    refuse
    return
  fi
  follow
  tell
}

# The gate is closed, whether or not the request has arrived.
cancel() {
  state
  case $st in
  absent | accepted)
    {
      mkdir -p "$o" && printf 'cancelled\n' >"$o/cancelled.$N-$id" && ln "$o/cancelled.$N-$id" "$o/started"
    } 2>/dev/null
    state
    [ "$st" != cancelled ] || keep "$o/started" "$o" "$S/ops"
    ;;
  esac
}
