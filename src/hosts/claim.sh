# Claims on guests and hosts, and what is removed from the spool; a part of operation.sh.

# claim VERB RUN HOLDER LEASE TOKEN: who may act on the subject in `g`.
#   claim     answers `claimed TOKEN [OPERATION WHO]`, with what is still at work there, or who holds it
#   renew     answers `kept`, or who holds it
#   release   answers `released`
# Who holds it is `held TOKEN RUN HOLDER AGO`; AGO is in hundredths of a second.
claim() {
  verb=$1 run=$2 who=$3 lease=$(($4 / 10)) token=$(($5 + 1000000000))
  why=full
  if [ "$verb" != release ]; then
    [ -d "$g" ] || mkdir -p "$S/ops" "$g" 2>"$f.e" || {
      refuse
      return
    }
  fi
  while :; do
    if [ "$verb" = claim ] && on_hold; then
      answer refused hold "$a" "$h"
      return
    fi
    claimed
    c=$?
    if [ "$verb" != claim ] && [ "$n" = "$token" ]; then
      hold
      return
    fi
    if [ "$verb" = release ]; then
      answer released
      return
    fi
    if [ "$verb" = renew ] || { [ "$c" = 0 ] && [ "$i" != "$run" ]; }; then
      answer held "$((n - 1000000000))" "${i:--}" "${h:--}" "${a:--}"
      return
    fi
    token=$((n + 1))
    v=$g/new.$N-$id
    {
      printf '%s %s %s %s %s\n' "$b" "$t" "$lease" "$run" "$who" >"$v" && keep "$v" && ln "$v" "$g/claim.$token"
    } 2>"$f.e"
    if [ ! -e "$g/claim.$token" ]; then
      refuse
      return
    fi
    # Somebody else may have been quicker, or a number below the highest have been free.
    x=$v
    last claim
    [ "$n" != "$token" ] || [ ! "$x" -ef "$v" ] || break
  done
  keep "$g" "$S/guests"
  rm -f "$g/new.$N-$id"
  token=$((token - 1000000000))
  # Whoever is at work now has looked at the claims before this one was made.
  last at
  if works "$v"; then
    l=$w
    whose
    answer claimed "$token" "$l" "$w"
  else
    answer claimed "$token"
  fi
}

# hold: the lease of the claim `n` is renewed or ends.
hold() {
  x=released
  [ "$verb" = release ] || x=$b
  v=$g/new.$N-$id
  { printf '%s %s %s\n' "$x" "$t" "$lease" >"$v" && mv "$v" "$g/lease.$n"; } 2>"$f.e" || {
    refuse
    return
  }
  if [ "$verb" = release ]; then answer released; else answer kept; fi
}

# fetched OPERATION...: their results may be removed in a day, and what they printed at once: it may be secret. Once a
# session, those of which that is true are.
fetched() {
  for v; do
    o=$S/ops/$v
    [ -e "$o/started" ] && [ ! -e "$o/fetched" ] && printf '%s %s\n' "$b" "$t" >"$o/fetched" || continue
    rm -f "$o/out.cut" "$o/err.cut"
    : >"$o/out"
    : >"$o/err"
  done 2>/dev/null
  : >"$f.p"
  [ -e "$d/swept" ] || {
    : >"$d/swept"
    sweep
  }
}

# sweep: removes operations that were fetched a day ago, by the boot clock: what was fetched before the last boot is as
# old as that boot at least. An operation without a result stays.
sweep() {
  set +f
  set --
  for v in "$S"/ops/*/fetched; do
    o=${v%/fetched}
    x=
    { read -r x y <"$v"; } 2>/dev/null
    [ -n "$x" ] || continue
    [ "$x" = "$b" ] || y=0
    [ $((t - y)) -gt 8640000 ] || continue
    state
    case $st in
    done | cancelled) set -- "$@" "$o" ;;
    esac
  done
  # Of what is counted the highest stays.
  for g in "$S"/guests/*; do
    for x in at claim; do
      last "$x"
      set +f
      for y in "$g/$x".*; do
        [ ! -e "$y" ] || [ "${y##*.}" -ge "$n" ] || set -- "$@" "$y"
      done
    done
    for y in "$g"/lease.*; do
      [ ! -e "$y" ] || [ "${y##*.}" -ge "$n" ] || set -- "$@" "$y"
    done
  done
  [ $# = 0 ] || rm -rf "$@"
}
