#!/bin/sh
# An inventory program of the oldest kind: it is asked for each host.
case "$1 $2" in
  "--list ") echo '{"web": {"hosts": ["web1", "web2", "quiet"], "vars": {"tier": "web"}}, "db": ["db1", "web2"]}' ;;
  "--host web1") echo '{"vmid": 101, "name": "{{ inventory_hostname }}", "tier": "own"}' ;;
  "--host web2") echo '{"vmid": 102, "nested": {"a": [1, 2], "b": "{{ tier }}"}}' ;;
  "--host db1") echo '{}' ;;
  "--host quiet") ;;
  *) echo "unknown: $*" >&2; exit 1 ;;
esac
