// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Starting a process is refused by an IOException, each time, and the program goes on. */
public final class NoProcess {
  public static void main(String[] args) throws Exception {
    int refused = 0;
    for (int i = 0; i < 3; i++) {
      try {
        Process process = new ProcessBuilder("/bin/true").start();
        process.waitFor(5, TimeUnit.SECONDS);
        System.out.println("started");
      } catch (IOException e) {
        refused++;
      }
    }
    System.out.println("refused: " + refused);
    try {
      Runtime.getRuntime().exec(new String[] {"/no/such/program"});
    } catch (IOException e) {
      System.out.println("IOException");
    }
    System.out.println("going on");
  }
}
