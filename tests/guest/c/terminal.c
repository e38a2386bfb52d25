// SPDX-License-Identifier: Apache-2.0
//
// A program that takes its terminal in hand, as editors and readline do: keys one by one and without echo, then
// raw, where Ctrl-C is a character, then lines again. Run by tests/system/terminal.py, which types.

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "check.h"

const char* check_prefix;

static void on_resize(int number) { (void)number; }

static void show_key(const char* what) {
  unsigned char key = 0;
  const ssize_t count = read(0, &key, 1);
  say("%s: %zd, %#x", what, count, key);
}

int main(void) {
  struct termios cooked, changed;
  struct winsize size;
  say("terminals: %d %d %d", isatty(0), isatty(1), isatty(2));
  VALUE(tcgetattr(0, &cooked));
  say("lines %d, echo %d, signals %d", !!(cooked.c_lflag & ICANON), !!(cooked.c_lflag & ECHO), !!(cooked.c_lflag & ISIG));
  VALUE(ioctl(0, TIOCGWINSZ, &size));
  say("%d rows of %d", size.ws_row, size.ws_col);

  changed = cooked;
  changed.c_lflag &= ~(ICANON | ECHO);
  changed.c_cc[VMIN] = 1;
  changed.c_cc[VTIME] = 0;
  VALUE(tcsetattr(0, TCSADRAIN, &changed));
  say("a key?");
  show_key("without a line's end");

  cfmakeraw(&changed);
  changed.c_oflag = cooked.c_oflag;  // many programs keep it, and the lines below stay lines
  VALUE(tcsetattr(0, TCSADRAIN, &changed));
  say("control c?");
  show_key("a character like others");
  changed.c_cc[VMIN] = 0;
  changed.c_cc[VTIME] = 2;
  VALUE(tcsetattr(0, TCSADRAIN, &changed));
  show_key("nothing within two tenths");

  VALUE(tcsetattr(0, TCSADRAIN, &cooked));
  signal(SIGWINCH, SIG_IGN);
  struct sigaction action = {.sa_handler = on_resize};
  sigaction(SIGWINCH, &action, NULL);
  say("another size?");
  char line[80] = "";
  ssize_t count = read(0, line, sizeof line - 1);
  say("read: %zd %s", count, count < 0 ? check_errno_name(errno) : "");
  VALUE(ioctl(0, TIOCGWINSZ, &size));
  say("%d rows of %d", size.ws_row, size.ws_col);
  say("a line?");
  count = read(0, line, sizeof line - 1);
  say("read: %zd", count);
  say("control c, the signal?");
  read(0, line, 1);
  say("not reached");
  return 0;
}
