// SPDX-License-Identifier: Apache-2.0

/** Comes to a process start on every way, through a constructor, a loop and a static initialiser's class. */
public final class Starts {
  private final String[] words;

  private Starts(String... words) {
    this.words = words;
  }

  private Process go() throws Exception {
    int sum = 0;
    for (String word : words) {
      sum += word.length();
    }
    if (sum == 0) {
      System.out.println("nothing");
    }
    return new ProcessBuilder(words).start();
  }

  public static void main(String[] args) throws Exception {
    new Starts("/bin/true").go().waitFor();
  }
}
