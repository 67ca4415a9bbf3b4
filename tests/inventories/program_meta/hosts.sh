#!/bin/sh
# An inventory program with all variables in its list.
if [ "$1" != --list ]; then
  echo "asked for $*, although the list has all" >&2
  exit 1
fi
cat <<'LIST'
{
  "_meta": {
    "hostvars": {
      "web1": {"vmid": 101, "ratio": 1.5, "on": true, "none": null, "tags": ["a", {"b": 2}], "text": "größe",
               "from_template": "{{ inventory_hostname }}.{{ domain }}", "octal": "0101"},
      "web2": {"vmid": "102", "tier": "own"},
      "stranger": {"vmid": 999}
    }
  },
  "all": {"vars": {"domain": "example.com", "tier": "all"}, "children": ["ungrouped", "servers"]},
  "servers": {"children": ["web", "db"], "vars": {"tier": "servers", "ansible_group_priority": 5}},
  "web": {"hosts": ["web1", "web2"], "vars": {"port": 8080}},
  "db": {"hosts": ["db1", "web2"], "vars": {"tier": "db"}},
  "old": ["nas", "db1"],
  "lonely": {"rack": 7, "tier": "lonely", "list": ["{{ rack }}", {"a": "b"}]},
  "empty": {"hosts": []},
  "ungrouped": {"hosts": ["alone"]}
}
LIST
echo "said on the side" >&2
