// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Echoes System.in on System.out and says on System.err how much it was; then exits with 7. */
public final class Streams {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    long lines = 0;
    long characters = 0;
    for (String line; (line = in.readLine()) != null; lines++) {
      characters += line.length();
      System.out.println("out: " + line);
      if (lines % 100 == 0) {
        System.err.println("err: line " + lines);
      }
    }
    System.err.println("err: " + lines + " lines, " + characters + " characters");
    System.exit(7);
  }
}
