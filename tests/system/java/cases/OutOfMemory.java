// SPDX-License-Identifier: Apache-2.0
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;

/** OutOfMemoryError of the heap and of the metaspace, caught, and life after it. */
public final class OutOfMemory {
  /** Loaded again and again by loaders of their own, to fill the metaspace. */
  public interface Filler {
    void fill();
  }

  private static String heap() {
    List<long[]> blocks = new ArrayList<>();
    try {
      while (true) {
        blocks.add(new long[1 << 17]);
      }
    } catch (OutOfMemoryError e) {
      int count = blocks.size();
      blocks.clear();
      return count > 3 ? "caught: " + e.getMessage() : "too early";
    }
  }

  private static String metaspace() throws Exception {
    URL[] place = {OutOfMemory.class.getProtectionDomain().getCodeSource().getLocation()};
    List<Object> held = new ArrayList<>();
    try {
      while (true) {
        URLClassLoader loader = new URLClassLoader(place, null);
        Class<?> type = loader.loadClass("OutOfMemory$Filler");
        held.add(Proxy.newProxyInstance(loader, new Class<?>[] {type}, (proxy, method, arguments) -> null));
        held.add(loader);
      }
    } catch (Throwable e) {
      int count = held.size();
      held.clear();
      Throwable cause = e;
      while (cause != null && !(cause instanceof OutOfMemoryError)) {
        cause = cause.getCause();
      }
      return cause != null && count > 10 ? "caught: " + cause.getMessage() : "something else: " + e;
    }
  }

  public static void main(String[] args) throws Exception {
    for (int i = 0; i < 3; i++) {
      System.out.println("heap " + i + " " + heap());
    }
    System.out.println("metaspace " + metaspace());
    System.gc();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 10000; i++) {
      text.append(i);
    }
    System.out.println("alive: " + text.length());
  }
}
