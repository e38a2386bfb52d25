// SPDX-License-Identifier: Apache-2.0
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Files through java.nio: what a program does with its scratch directory. */
public final class FileOperations {
  public static void main(String[] args) throws Exception {
    Path directory = Files.createTempDirectory("moka");
    Path a = directory.resolve("a.txt");
    Files.writeString(a, "eins\nzwei\ndrei\n", StandardCharsets.UTF_8);
    Files.writeString(a, "vier\n", StandardOpenOption.APPEND);
    System.out.println(Files.readAllLines(a));
    System.out.println(Files.size(a) + " " + Files.isRegularFile(a) + " " + Files.isWritable(a));
    Files.copy(a, directory.resolve("b.txt"));
    try {
      Files.copy(a, directory.resolve("b.txt"));
    } catch (FileAlreadyExistsException e) {
      System.out.println("exists");
    }
    Files.move(a, directory.resolve("c.txt"), StandardCopyOption.ATOMIC_MOVE);
    try {
      Files.readString(a);
    } catch (NoSuchFileException e) {
      System.out.println("gone");
    }
    Files.createSymbolicLink(directory.resolve("link"), Path.of("c.txt"));
    System.out.println(Files.readString(directory.resolve("link")).length());
    Files.createDirectories(directory.resolve("x/y/z"));
    try (Stream<Path> walk = Files.walk(directory)) {
      List<String> names = walk.map(p -> directory.relativize(p).toString()).sorted().collect(Collectors.toList());
      System.out.println(names);
    }
    try (Stream<Path> walk = Files.walk(directory)) {
      for (Path path : walk.sorted((p, q) -> q.compareTo(p)).collect(Collectors.toList())) {
        Files.delete(path);
      }
    }
    System.out.println(Files.exists(directory));
  }
}
