// SPDX-License-Identifier: Apache-2.0
/** Says its arguments and the encoding-dependent things around them, code point by code point. */
public final class Arguments {
  public static void main(String[] args) {
    System.out.println(args.length + " arguments");
    for (String arg : args) {
      StringBuilder points = new StringBuilder();
      arg.codePoints().forEach(point -> points.append(' ').append(Integer.toHexString(point)));
      System.out.println("[" + arg + "]" + points);
    }
    System.out.println("property: " + System.getProperty("moka.test"));
    System.out.println("variable: " + System.getenv("MOKA_TEST"));
  }
}
