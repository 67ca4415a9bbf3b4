//! A guest as libvirt is told of it.

use crate::boot::Boot;
use crate::guest::{Agent, Guest};

/// The domain's description. Its network is QEMU's own, which libvirt has no words for: it is among QEMU's arguments.
pub(crate) fn domain(guest: &Guest, boot: &Boot, uuid: &str) -> String {
    let (name, folder) = (&guest.name, guest.folder());
    let kind = if boot.accelerator.name() == "kvm" { "kvm" } else { "qemu" };
    let (initrd, kernel_words) = boot.system(guest.plan.debian);
    let system = match guest.plan.system {
        true => format!(
            "<kernel>{}</kernel><initrd>{}</initrd><cmdline>{kernel_words}</cmdline>",
            boot.kernel.display(),
            initrd.display()
        ),
        false => String::new(),
    };
    let disk = match guest.plan.debian {
        true => format!(
            "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='unsafe'/><source file='{}'/>\
             <target dev='vdb' bus='virtio'/></disk>",
            guest.disk().display()
        ),
        false => String::new(),
    };
    let agent = match guest.plan.agent {
        Agent::On => "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
        Agent::Off | Agent::Unset => "",
    };
    let words = [
        "-netdev".to_string(),
        format!("user,id=n0,hostfwd=tcp:{}:22-:22", guest.address),
        "-device".to_string(),
        "virtio-net-pci,netdev=n0,romfile=,addr=0x10".to_string(),
        // A name for the list of starts.
        "-object".to_string(),
        format!("secret,id=guest{},data=-", guest.vmid),
    ];
    let words: String = words.iter().map(|word| format!("<qemu:arg value='{word}'/>")).collect();
    format!(
        "<domain type='{kind}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>{system}</os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/sbin/qemu-testbed</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='{seed}'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
    </disk>
    {disk}
    <controller type='usb' model='none'/>
    {agent}
    <serial type='file'><source path='{console}' append='on'/><target port='0'/></serial>
    <memballoon model='none'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
  <qemu:commandline>{words}</qemu:commandline>
</domain>
",
        memory = guest.plan.memory,
        seed = folder.join("seed").display(),
        console = folder.join("console").display(),
    )
}
