// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** In the place of a benchmark kit: it reads its settings and leaves reports where it is started, as SPECjbb2015 does. */
final class Kit {
  private Kit() {}

  public static void main(String[] words) throws IOException {
    String settings = Files.readString(Path.of("config/specjbb2015.props"));
    Path report = Files.createDirectories(Path.of("result/specjbb2015-C-00001/report-00001"));
    Files.writeString(report.resolve("specjbb2015-C-00001.html"), "<p>" + settings + Arrays.toString(words) + "</p>");
    Files.write(Path.of("specjbb2015-C-00001.data.gz"), new byte[1 << 16]);
    System.out.println(Runtime.getRuntime().maxMemory() >> 20);
  }
}
