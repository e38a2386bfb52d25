// SPDX-License-Identifier: Apache-2.0
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/** A mapped file that is cut off behind the mapping: InternalError, not a crash. */
public final class MappedFile {
  private static byte read(MappedByteBuffer buffer, int index) {
    return buffer.get(index);
  }

  public static void main(String[] args) throws Exception {
    Path path = Files.createTempFile("mapped", ".bin");
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(1 << 20);
      MappedByteBuffer buffer = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
      buffer.put(5, (byte) 42);
      buffer.put((1 << 20) - 1, (byte) 43);
      buffer.force();
      file.seek(5);
      System.out.println("through the file: " + file.read());
      file.setLength(4096);
      // The error may come a little after the access that caused it, hence the two loops.
      int caught = 0;
      for (int i = 0; i < 50; ) {
        try {
          for (; i < 50; ) {
            if (read(buffer, (1 << 19) + i++) == 1) {
              System.out.println("unexpected");
            }
          }
        } catch (InternalError e) {
          caught++;
        }
      }
      try {
        Thread.sleep(5);
      } catch (InternalError e) {
        caught++;
      }
      System.out.println("caught: " + (caught > 0) + ", still there: " + read(buffer, 5));
    }
    Files.delete(path);
  }
}
