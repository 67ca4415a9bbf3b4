# Watches over guests that are switched off, and what keeps them from being woken; a part of operation.sh. The watcher's
# text is the value of W.
#
#   guests/SUBJECT/on        the watch: who looks, how, and from when; see `marked` in spool.sh
#   guests/SUBJECT/watcher   the owner that looks, as in spool.sh; its operation is the watch
#   guests/SUBJECT/woken     what the last start of the guest said
#   guests/SUBJECT/hold      who wants the guest left alone; see `on_hold` in spool.sh
#   watch.sh                 the watcher's program

# Where a unit of the host stands.
I=/etc/systemd/system
#point units

# arm WATCH BOUND WHO IDENTITY LOOK WAKE: the guest in `g` is watched over by a process that hangs on nothing of ours.
# BOUND is in milliseconds. The older watch is over with it.
arm() {
  why=full
  mark "$@" || {
    refuse
    return
  }
  #point marked
  if watcher "$1"; then
    # It sees the new bound when it looks.
    answer watched
    return
  fi
  if [ "$u" = 0 ] && [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
    systemd-run --quiet --collect --unit="hostler-watch-$1" --service-type=exec -p KillMode=process -p Restart=on-failure \
      sh "$S/watch.sh" "$S" "$K" "$subject" </dev/null >/dev/null 2>&1 9>&- && awaited "$1" && return
  fi
  ${s:+"$s"} sh "$S/watch.sh" "$S" "$K" "$subject" </dev/null >/dev/null 2>&1 9>&- &
  awaited "$1" || answer refused watcher
}

# mark WATCH BOUND WHO IDENTITY LOOK WAKE: the watch and its program are on the disk.
mark() {
  [ -d "$S/guests" ] || v=new
  mkdir -p "$S/ops" "$g" || return
  [ "$v" != new ] || keep "$S" "${S%/*}" "${S%/*/*}" || return
  if [ ! -e "$S/watch.sh" ] || [ "$(cat "$S/watch.sh")" != "$W" ]; then
    v=$S/watch.$N-$id
    printf '%s\n' "$W" >"$v" && keep "$v" && mv "$v" "$S/watch.sh" && keep "$S" || return
  fi
  if [ "$u" = 0 ] && [ -d /run/systemd/system ] && [ ! -e "$I/hostler-watch.service" ]; then unit; fi
  v=$g/on.$N-$id
  printf 'watch 1 %s %s %s %s %s %s\n%s\n%s\nend\n' "$1" "$b" "$t" "$(($2 / 10))" "$3" "$4" "$5" "$6" >"$v" &&
    keep "$v" && mv "$v" "$g/on" && keep "$g" "$S/guests"
} 2>"$f.e"

# unit: goes on with every watch after a boot: the host may lose its power while a guest is off. It is enabled as
# `systemctl enable` does it, by a link. Where that can not be had, a watch is worth having without it.
unit() {
  v=$I/hostler-watch.service
  printf '%s\n' '# Made by hostler, for guests that are off when this host loses its power.' \
    '[Unit]' 'Description=Start guests that hostler switched off and nobody started' \
    '[Service]' "ExecStart=/bin/sh $S/watch.sh $S $K" KillMode=process \
    '[Install]' WantedBy=multi-user.target >"$v.$N-$id" &&
    keep "$v.$N-$id" && mkdir -p "$I/multi-user.target.wants" &&
    ln -sf "$v" "$I/multi-user.target.wants/hostler-watch.service" && mv "$v.$N-$id" "$v" &&
    keep "$I/multi-user.target.wants" "$I" && return
  rm -f "$v.$N-$id"
} </dev/null >/dev/null 2>&1 9>&-

# watcher WATCH: whether a process looks after the guest in `g` for this watch.
watcher() {
  w=
  read -r x y z w <"$g/watcher"
  [ "$w" = "$1" ] && alive "$x" "$y" "$z"
} 2>/dev/null

# awaited WATCH: says that the guest is watched over, when its watcher has begun.
awaited() {
  n=100
  until watcher "$1"; do
    [ "$n" -gt 0 ] || return
    sleep 0.05
    n=$((n - 1))
  done
  answer watched
}

# disarm WATCH: this watch is over; another one of the guest is not.
disarm() {
  why=full
  if marked && [ "$w" = "$1" ]; then
    # A watcher that wakes the guest now does so before the mark is gone, or sees that it is.
    {
      rm -f "$g/on" && keep "$g"
    } 2>"$f.e" || {
      refuse
      return
    }
    #point unmarked
    if watcher "$1"; then kill "$y" 2>/dev/null; fi
  fi
  answer unwatched
}

# hold LENGTH WHO: nobody acts on the guest in `g` for so many milliseconds; 0 ends that.
hold_off() {
  why=full
  if [ "$1" = 0 ]; then
    rm -f "$g/hold"
  else
    v=$g/hold.$N-$id
    mkdir -p "$S/ops" "$g" && printf '%s %s %s %s\n' "$b" "$t" "$(($1 / 10))" "$2" >"$v" && keep "$v" &&
      mv "$v" "$g/hold" && keep "$g" "$S/guests"
  fi 2>"$f.e" || {
    refuse
    return
  }
  answer holding
}

# remove: takes everything of ours off this host, as far as it is this user's; or says for which guest or host somebody
# watches, is at work or holds a claim.
remove() {
  set +f
  for g in "$S"/guests/*; do
    [ -d "$g" ] || continue
    l=${g##*/}
    if [ -e "$g/on" ]; then
      answer refused watch "$l"
      return
    fi
    last at
    if works "$v" || claimed; then
      answer refused busy "$l"
      return
    fi
    set +f
  done
  if [ "$u" = 0 ] && [ -e "$I/hostler-watch.service" ]; then
    rm -f "$I/multi-user.target.wants/hostler-watch.service" "$I/hostler-watch.service"
    # Since a boot systemd knows the unit by its link, and would show it until the next.
    systemctl daemon-reload </dev/null >/dev/null 2>&1 9>&-
  fi
  if rm -rf "$S" 2>"$f.e"; then
    answer removed
  else
    why=full
    refuse
  fi
}
