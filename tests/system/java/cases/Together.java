// SPDX-License-Identifier: Apache-2.0
/** Runs the main methods of several cases in one JVM, one after another: a boot costs more than most. */
public final class Together {
  public static void main(String[] args) throws Exception {
    for (String name : args) {
      System.out.println("== " + name);
      Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) new String[0]);
    }
  }
}
