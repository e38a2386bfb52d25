// SPDX-License-Identifier: Apache-2.0
/** Needs two jars that only the manifest's Class-Path names, one with a space in its name. */
public final class Main {
  public static void main(String[] args) throws Exception {
    System.out.println(first.First.greeting() + " " + second.Second.greeting());
    System.out.println(new String(Main.class.getResourceAsStream("/first/text.txt").readAllBytes()).trim());
  }
}
