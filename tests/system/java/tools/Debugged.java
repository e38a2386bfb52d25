// SPDX-License-Identifier: Apache-2.0

/** Says its greeting until that is another one. */
public final class Debugged {
  public static void main(String[] arguments) throws InterruptedException {
    String first = Greeting.text(42);
    System.out.println(first);
    String text = first;
    while (text.equals(first)) {
      Thread.sleep(20);
      text = Greeting.text(42);
    }
    System.out.println(text);
  }
}
