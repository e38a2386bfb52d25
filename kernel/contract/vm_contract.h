// SPDX-License-Identifier: Apache-2.0
//
// What the launcher and the kernel agree on. The one folder that both include; it holds constants
// and plain data only, needs nothing but the language, and compiles for host and kernel alike.
//
// A VM is given
//   * a kernel command line of space separated words (kOption...), for the kernel itself only;
//   * an initrd: a `newc` cpio archive with one file, kConfigFile. Arguments, environment and
//     secrets travel there and never on a command line. The file is a sequence of records, each
//     `key=value` and ended by one NUL; a value may hold any byte but NUL. Keys: kKey... below;
//   * read-only EROFS images on disks (or in memory that a device shows, kOptionMappedDisk), found by
//     the disk's serial, or as a partition of any disk by its GUID, and stacked in the order of the
//     kKeyLayer records (lowest first) under a writable overlay in memory;
//   * virtio-console ports found by name (kPort...), and a 16550 serial port for the kernel's voice;
//   * a virtio-net device at most, configured by DHCP and router advertisements unless the command
//     line has addresses; its MTU is the device's own (VIRTIO_NET_F_MTU);
//   * a virtio-9p device for each kKeyMount record, found by its mount tag.
//
// The control port carries lines of ASCII, each ended by '\n': a verb, then words (kHost..., kGuest...).
// The tools port carries frames (ToolFrame): streams, each a question of a tool's and its answer.
#pragma once

namespace mokapot::contract {

// It grows by one when a kernel or a moka of before would misunderstand what is said here now. moka keeps to the
// version of the kernel that it starts, which comes with the image, down to the oldest one.
inline constexpr int kVersion = 1;
inline constexpr int kOldestVersion = 1;

// Kernel command line.
inline constexpr const char* kOptionVerbose = "mokapot.verbose";  // kernel log on the serial port
inline constexpr const char* kOptionTrace = "mokapot.trace";      // =syscalls: strace-like text in the log; =scheduler: who runs
inline constexpr const char* kOptionFail = "mokapot.fail";        // =FAULT: a checking kernel commits it (boot/self_test.h)
inline constexpr const char* kOptionDirectCalls = "mokapot.direct-calls";  // =off: no jump takes the place of SYSCALL
inline constexpr const char* kOptionThreadClasses = "mokapot.thread-classes";  // =off: HotSpot's threads are as others
inline constexpr const char* kOptionCodePages = "mokapot.code-pages";  // =off: written to and executed at once, under TCG as well
inline constexpr const char* kOptionNoXsave = "mokapot.noxsave";  // do without XSAVE, and so without AVX

// =SERIAL@DEVICE, repeated: the memory of the ivshmem device of that number on PCI bus 0 is the disk of that serial.
inline constexpr const char* kOptionMappedDisk = "mokapot.mapped-disk";

// The network interface's addresses. With an IPv4 one nothing asks for DHCP; IPv6 addresses come on
// top of those that router advertisements give. Gateway and name servers of either family.
inline constexpr const char* kOptionAddress = "mokapot.ip";       // =ADDRESS/PREFIX; repeated
inline constexpr const char* kOptionGateway = "mokapot.gateway";  // =ADDRESS; one a family
inline constexpr const char* kOptionNameServer = "mokapot.dns";   // =ADDRESS; repeated

// What the kernel says on the serial port when an NMI asks it what it is doing begins with this, for each CPU.
inline constexpr const char* kStatePrefix = "STATE: ";

inline constexpr const char* kConfigFile = "mokapot.conf";

// Records of the configuration file.
inline constexpr const char* kKeyVersion = "version";    // kVersion in decimal; first record
inline constexpr const char* kKeyProgram = "program";    // absolute path of the ELF file to start
inline constexpr const char* kKeyArgument = "arg";       // repeated; argv[0] first
// "MIB ARGUMENT", repeated, ascending: of those whose MIB is not more than the VM's memory the last is put behind
// argv[0]. For images, which are made before anybody knows what memory they will have.
inline constexpr const char* kKeyArgumentByMemory = "memarg";
inline constexpr const char* kKeyEnvironment = "env";    // repeated; NAME=VALUE
inline constexpr const char* kKeyDirectory = "cwd";      // working directory; made if missing
inline constexpr const char* kKeyHostname = "hostname";  // optional
// Repeated, lowest first: the serial of a disk, or kPartitionPrefix and the GUID of a partition of a GUID partition
// table, in lower case.
inline constexpr const char* kKeyLayer = "layer";
inline constexpr const char* kPartitionPrefix = "PARTUUID=";
// Host folders: "TAG ro|rw PATH". PATH is absolute, may hold blanks, and is made if missing;
// repeated, and mounted in that order.
inline constexpr const char* kKeyMount = "mount";
inline constexpr const char* kMountReadOnly = "ro";
inline constexpr const char* kMountReadWrite = "rw";
// A TCP port that the user published by name, repeated: a listener there that is bound to a
// loopback address also answers on the network interface's addresses. All others answer where they
// are bound and nowhere else.
inline constexpr const char* kKeyExpose = "expose";
// The file that the JVM is to map, an archive of classes: if it does not, that is said once. Optional.
inline constexpr const char* kKeyArchive = "archive";
inline constexpr const char* kKeyStdin = "stdin";        // kStreamTerminal, kStreamPipe or kStreamNull
inline constexpr const char* kKeyStdout = "stdout";
inline constexpr const char* kKeyStderr = "stderr";
inline constexpr const char* kKeyTermios = "termios";    // host terminal's: 4 flags in hex, then c_cc as hex bytes
inline constexpr const char* kKeyWindow = "winsize";     // "ROWS COLUMNS"

inline constexpr const char* kStreamTerminal = "tty";
inline constexpr const char* kStreamPipe = "pipe";
inline constexpr const char* kStreamNull = "null";

// virtio-console ports.
inline constexpr const char* kPortStdin = "mokapot.stdin";      // host to guest
inline constexpr const char* kPortStdout = "mokapot.stdout";    // guest to host
inline constexpr const char* kPortStderr = "mokapot.stderr";    // guest to host
inline constexpr const char* kPortControl = "mokapot.control";  // lines, both ways
inline constexpr const char* kPortTools = "mokapot.tools";      // frames, both ways

// Control lines from the host.
inline constexpr const char* kHostSignal = "signal";    // signal N: deliver to the application
inline constexpr const char* kHostWindow = "winsize";   // winsize ROWS COLUMNS: then SIGWINCH
inline constexpr const char* kHostEndOfInput = "eof";   // eof BYTES: stdin ends after that many bytes in all
inline constexpr const char* kHostPing = "ping";        // answered by pong, to see that the kernel is alive
inline constexpr const char* kHostClock = "clock";      // clock NANOSECONDS: Unix time; the answer, given at once, to the guest's
inline constexpr const char* kHostAcknowledge = "ack";  // the exit line was read: power off

// Control lines from the guest.
inline constexpr const char* kGuestReady = "ready";      // the program's first instruction is next
inline constexpr const char* kGuestPong = "pong";
inline constexpr const char* kGuestClock = "clock";      // asks for the host's clock
inline constexpr const char* kGuestWarning = "warning";  // warning TEXT-TO-END-OF-LINE: for the user to see
inline constexpr const char* kGuestTermios = "termios";  // termios FLAGS CC as in kKeyTermios: apply to the host terminal
// exit status=N signal=N by=application|kernel reason=TEXT-TO-END-OF-LINE
//   status: what the shell would see (128 + signal where a signal ended it)
inline constexpr const char* kGuestExit = "exit";
// listen PROTOCOL ADDRESS PORT: a socket began to listen (TCP), or was bound to a port of its choice (UDP).
// unlisten, with the same words: it no longer does. The same words may come several times (SO_REUSEPORT): each
// listen is one socket, and each is taken back by one unlisten; the end of the VM takes back all.
//   PROTOCOL: tcp or udp
//   ADDRESS: * for every address of both families; 0.0.0.0 for every IPv4 and :: for every IPv6 address; otherwise
//   the one address, as inet_ntop writes it. Loopback listeners (127.0.0.0/8, ::1) are told of too.
inline constexpr const char* kGuestListen = "listen";
inline constexpr const char* kGuestUnlisten = "unlisten";
inline constexpr const char* kProtocolTcp = "tcp";
inline constexpr const char* kProtocolUdp = "udp";
inline constexpr const char* kAddressAll = "*";

// Without a control port, as where an image boots by itself, the program's streams are the serial port, and the
// last line there is kEndPrefix and the status, with the reason in brackets behind it where the kernel has one.
inline constexpr const char* kEndPrefix = "mokapot: the program ended with status ";

// Frames of the tools port: a header, then `size` bytes; numbers are little-endian. The host opens a stream under a
// number of its choice, and may use the number again once the guest has ended the stream. The guest sends no more
// than the host's windows allow, so a reader that stalls stops its own stream and no other.
struct ToolFrame {
  unsigned stream;
  unsigned short type;
  unsigned short size;
};
static_assert(sizeof(ToolFrame) == 8);
inline constexpr unsigned kToolFrameLimit = 4096;      // bytes behind a header
inline constexpr unsigned kToolWindowLimit = 1 << 20;  // bytes that a stream may be allowed ahead
// From the host.
inline constexpr unsigned short kToolOpen = 1;    // the question: words, each ended by NUL (kToolAttach)
inline constexpr unsigned short kToolWindow = 2;  // 4 bytes: as many more bytes of answer may come
inline constexpr unsigned short kToolClose = 3;   // nobody waits for the answer any more; the end comes all the same
// From the guest.
inline constexpr unsigned short kToolData = 4;
inline constexpr unsigned short kToolEnd = 5;  // a byte, kToolOk or kToolFailed, then a sentence that says why
inline constexpr unsigned char kToolOk = 0, kToolFailed = 1;
// Questions. attach COMMAND ARGUMENT...: an operation of HotSpot's attach mechanism, whose whole answer is relayed.
inline constexpr const char* kToolAttach = "attach";
// proc NAME...: at most four files of the guest's /proc, each behind a line "== NAME".
inline constexpr const char* kToolProc = "proc";
// connect PORT REQUEST: a TCP connection to that port of the VM's loopback, IPv4 or IPv6, over which REQUEST is sent;
// all that comes back until the other side closes is relayed.
inline constexpr const char* kToolConnect = "connect";

// A kernel panic prints a line that begins so on the serial port, then a backtrace, and ends QEMU
// through the debug-exit port with kPanicExitCode written.
inline constexpr const char* kPanicPrefix = "mokapot: PANIC: ";
inline constexpr unsigned kDebugExitPort = 0xf4;
inline constexpr unsigned kPanicExitCode = 0x3e;  // QEMU exits with (0x3e << 1) | 1 = 125

}  // namespace mokapot::contract
