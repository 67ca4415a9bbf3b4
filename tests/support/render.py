"""Every variable of every host, as Ansible's own templating gives it.

Reads a list of cases from standard input, each {name, folder, sources, beside, password_file}, and writes
{case: {host: {variable: {"value": …} or {"error": …}}}}.
"""

import datetime
import json
import os
import sys

from ansible import constants
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret, VaultSecretsContext
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

init_plugin_loader()


def plain(value):
    if isinstance(value, dict):
        return {str(key) if isinstance(key, str) else json.dumps(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


def variables(case):
    os.chdir(case["folder"])
    loader = DataLoader()
    loader.set_basedir(os.path.abspath(case["beside"]))
    secrets = []
    if case["password_file"]:
        with open(case["password_file"], "rb") as file:
            secrets = [("default", VaultSecret(file.read().strip()))]
    loader.set_vault_secrets(secrets)
    VaultSecretsContext._current = None
    VaultSecretsContext.initialize(VaultSecretsContext(secrets=secrets))
    sources = [source if "," in source else os.path.abspath(source) for source in case["sources"]]
    inventory = InventoryManager(loader=loader, sources=sources)
    manager = VariableManager(loader=loader, inventory=inventory)
    HostVars(inventory=inventory, variable_manager=manager, loader=loader)
    hosts = {}
    for host in inventory.get_hosts("all"):
        known = manager.get_vars(host=host)
        templar = Templar(loader=loader, variables=known)
        found = hosts[host.name] = {}
        for name in known:
            if name in constants.INTERNAL_STATIC_VARS or name in ("omit", "vars"):
                continue
            try:
                found[name] = {"value": plain(templar.template(known[name]))}
            except Exception as error:
                found[name] = {"error": str(error)}
    return hosts


json.dump({case["name"]: variables(case) for case in json.load(sys.stdin)}, sys.stdout)
