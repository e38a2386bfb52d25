# SPDX-License-Identifier: Apache-2.0
#
# gdb for the kernel: start the VM with `build/moka run -v --gdb ...`, then `gdb -x kernel/arch/x64/mokapot.gdb`.
#   mokapot-attach [PORT]   connect, find the image's random base from the CPU's LSTAR or IDT, load symbols
#   mokapot-threads         every thread: name, state, CPU, and where it stands
#   mokapot-bt ADDRESS      backtrace of a thread that does not run (address of its Thread)
#   mokapot-log             the kernel's log ring
set pagination off
set confirm off
set architecture i386:x86-64

python
import subprocess

import gdb

DEBUG_IMAGE = "build/mokapot-kernel.debug.elf"
LINK_BASE = 0xffffffff80000000

class Attach(gdb.Command):
    """mokapot-attach [PORT]: connect and load symbols at the image's random base."""
    def __init__(self):
        super().__init__("mokapot-attach", gdb.COMMAND_USER)
    def invoke(self, argument, from_tty):
        gdb.execute("target remote 127.0.0.1:%s" % (argument or "1234"))
        slide = find_slide()
        if slide is None:
            print("the kernel has not set up this CPU yet: let it run for a moment, then mokapot-attach again")
            return
        gdb.execute("add-symbol-file %s -o %#x" % (DEBUG_IMAGE, slide))

def linked_address(symbol):
    for line in subprocess.check_output(["nm", "-C", DEBUG_IMAGE], text=True).splitlines():
        if line.split(" ", 2)[-1] == symbol:
            return int(line.split()[0], 16)

def find_slide():
    """How far the image is from where it was linked: the IDT is a table in it, and QEMU says where it is."""
    for line in gdb.execute("monitor info registers", to_string=True).splitlines():
        if line.startswith("IDT="):
            base = int(line.split()[1], 16)
            return base - linked_address("mokapot::arch::(anonymous namespace)::idt") if base >= LINK_BASE else None

def threads():
    kind = gdb.lookup_type("mokapot::Thread")
    hook = kind["all_threads_hook"].bitpos // 8
    words = gdb.lookup_type("unsigned long").pointer()
    # The list's header is the first member of the Global that holds it.
    head = int(gdb.parse_and_eval("(unsigned long)&'mokapot::(anonymous namespace)::all_threads'"))
    node = int(gdb.Value(head).cast(words).dereference())
    while node not in (0, head):
        yield gdb.Value(node - hook).cast(kind.pointer())
        node = int(gdb.Value(node).cast(words).dereference())

class Threads(gdb.Command):
    """mokapot-threads: every thread, its state and its CPU."""
    def __init__(self):
        super().__init__("mokapot-threads", gdb.COMMAND_USER)
    def invoke(self, argument, from_tty):
        for thread in threads():
            print("%#x %-16s %s cpu %s" % (int(thread), thread["name_"].string(), thread["state_"]["_M_i"],
                                             thread["last_cpu_"]["_M_i"]))

class Backtrace(gdb.Command):
    """mokapot-bt ADDRESS: where a thread that does not run left off."""
    def __init__(self):
        super().__init__("mokapot-bt", gdb.COMMAND_USER)
    def invoke(self, argument, from_tty):
        thread = gdb.parse_and_eval("(mokapot::Thread*)(%s)" % argument)
        words = gdb.lookup_type("unsigned long").pointer()
        stack = int(thread["context_"]["stack_pointer"])
        # arch_switch_stacks pushed rbp rbx r12 r13 r14 r15 above which lies the return address.
        frame = int(gdb.Value(stack + 40).cast(words).dereference())
        address = int(gdb.Value(stack + 48).cast(words).dereference())
        for _ in range(40):
            print(gdb.execute("info symbol %#x" % address, to_string=True).strip())
            if frame == 0:
                break
            address = int(gdb.Value(frame + 8).cast(words).dereference())
            frame = int(gdb.Value(frame).cast(words).dereference())
            if address == 0:
                break

class Log(gdb.Command):
    """mokapot-log: the kernel's log ring, oldest line first."""
    def __init__(self):
        super().__init__("mokapot-log", gdb.COMMAND_USER)
    def invoke(self, argument, from_tty):
        ring = gdb.parse_and_eval("'mokapot::(anonymous namespace)::ring'")
        count = ring.type.range()[1] + 1
        lines = [(int(ring[i]["ticket"]["_M_i"]), i) for i in range(count)]
        for ticket, i in sorted(lines):
            if ticket:
                print(ring[i]["text"].string(errors="replace", length=int(ring[i]["length"])))

Attach()
Threads()
Backtrace()
Log()
end
