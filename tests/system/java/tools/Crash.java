// SPDX-License-Identifier: Apache-2.0

import java.lang.reflect.Field;

/** A write to an address where nothing is: the JVM's own crash. */
public final class Crash {
  public static void main(String[] arguments) throws ReflectiveOperationException {
    // Not part of the platform's interface, so the compiler must not see it.
    Class<?> type = Class.forName("sun.misc.Unsafe");
    Field field = type.getDeclaredField("theUnsafe");
    field.setAccessible(true);
    System.out.println("about to crash");
    type.getMethod("putInt", long.class, int.class).invoke(field.get(null), 64L, 7);
  }
}
