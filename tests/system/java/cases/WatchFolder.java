// SPDX-License-Identifier: Apache-2.0

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

/** A folder that is watched: each change is told, and within seconds, not at the next poll. */
public class WatchFolder {
    private static WatchService service;

    /** Says the events that come until one of {@code kind} for {@code name} has come. */
    private static void await(String after, WatchEvent.Kind<?> kind, String name) throws Exception {
        TreeSet<String> seen = new TreeSet<>();
        boolean found = false;
        while (!found) {
            WatchKey key = service.poll(10, TimeUnit.SECONDS);
            if (key == null) {
                seen.add("nothing");
                break;
            }
            for (WatchEvent<?> event : key.pollEvents()) {
                seen.add(event.kind() + " " + event.context());
                found |= event.kind() == kind && event.context().toString().equals(name);
            }
            key.reset();
        }
        System.out.println(after + ": " + seen);
    }

    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createTempDirectory("watched");
        service = folder.getFileSystem().newWatchService();
        System.out.println(service.getClass().getSimpleName());
        WatchKey key = folder.register(service, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_DELETE,
                StandardWatchEventKinds.ENTRY_MODIFY);
        Path file = folder.resolve("file");
        Files.createFile(file);
        await("createFile", StandardWatchEventKinds.ENTRY_CREATE, "file");
        Files.setLastModifiedTime(file, java.nio.file.attribute.FileTime.fromMillis(5000));
        await("setLastModifiedTime", StandardWatchEventKinds.ENTRY_MODIFY, "file");
        Files.move(file, folder.resolve("moved"));
        await("move", StandardWatchEventKinds.ENTRY_CREATE, "moved");
        Files.createDirectory(folder.resolve("folder"));
        await("createDirectory", StandardWatchEventKinds.ENTRY_CREATE, "folder");
        Files.delete(folder.resolve("moved"));
        await("delete", StandardWatchEventKinds.ENTRY_DELETE, "moved");
        Files.delete(folder.resolve("folder"));
        await("delete of a folder", StandardWatchEventKinds.ENTRY_DELETE, "folder");
        Files.delete(folder);
        System.out.println("the key is told: " + (service.poll(10, TimeUnit.SECONDS) == key));
        System.out.println("and valid no more: " + !key.reset());
        service.close();
    }
}
