// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;

/** Refers to much that does not work, and does none of it, or goes on without. */
public final class Refers {
  static void unused() throws IOException {
    Runtime.getRuntime().exec(new String[] {"/bin/true"});
  }

  static void guarded() {
    try {
      System.loadLibrary("no_such_library");
    } catch (UnsatisfiedLinkError e) {
      System.out.println("without the library");
    }
  }

  public static void main(String[] args) throws Exception {
    guarded();
    if (args.length > 7) {
      new java.awt.Frame("a window");
    }
    try {
      new ProcessBuilder("/bin/true").start();
    } catch (IOException e) {
      System.out.println("without the process");
    }
    System.loadLibrary("prefs");
    System.out.println("done");
  }
}
