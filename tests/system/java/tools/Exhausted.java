// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Fills the heap, in few large and many small objects, and goes on when there is no room left. */
public final class Exhausted {
  static final class Marker {}

  static final Marker[] MARKERS = new Marker[4321];
  static final List<byte[]> BALLAST = new ArrayList<>();

  public static void main(String[] arguments) throws IOException {
    for (int i = 0; i < MARKERS.length; i++) MARKERS[i] = new Marker();
    try {
      while (true) BALLAST.add(new byte[256 * 1024]);
    } catch (OutOfMemoryError e) {
      // Here the dump has been written; what is still free has no room for another.
      int blocks = BALLAST.size();
      for (String line : Files.readAllLines(Path.of("/proc/meminfo")))
        if (line.startsWith("MemAvailable:")) System.out.println("available " + line.replaceAll("[^0-9]", ""));
      System.out.println("blocks " + blocks);
    }
  }
}
