// SPDX-License-Identifier: Apache-2.0

import com.sun.jna.Callback;
import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import java.util.Arrays;
import java.util.List;

/** JNA: calls into the C library by name, structures, callbacks from native code, errno, and a fault that becomes an Error. */
final class NativeCalls {
    private NativeCalls() {}

    public interface C extends Library {
        C INSTANCE = Native.load("c", C.class);

        interface Comparison extends Callback {
            int compare(Pointer a, Pointer b);
        }

        int abs(int value);
        double atof(String text);
        int snprintf(byte[] to, long size, String format, Object... arguments);
        void qsort(Pointer base, long count, long size, Comparison comparison);
        int uname(Pointer name);
        int open(String path, int flags);
        String getenv(String name);
        int gettimeofday(TimeValue now, Pointer zone);
        Pointer mmap(Pointer address, long length, int protection, int flags, int fd, long offset);
        int munmap(Pointer address, long length);
    }

    @Structure.FieldOrder({"seconds", "microseconds"})
    public static class TimeValue extends Structure {
        public long seconds;
        public long microseconds;
    }

    public static void main(String[] args) {
        C c = C.INSTANCE;
        System.out.println("abs " + c.abs(-42) + ", atof " + c.atof("2.75"));
        byte[] text = new byte[100];
        int length = c.snprintf(text, text.length, "%d %s %.3f %lx", 7, "seven", 1.5, 0xfeedfacecafeL);
        System.out.println("snprintf " + length + ": " + Native.toString(text));
        sort(c);
        try (Memory name = new Memory(6 * 65)) {
            System.out.println("uname " + c.uname(name) + ": " + name.getString(0) + " " + name.getString(4 * 65));
        }
        System.out.println("open " + c.open("/no/such/file", 0) + ", errno " + Native.getLastError());
        System.out.println("getenv " + c.getenv("NO_SUCH_VARIABLE"));
        TimeValue now = new TimeValue();
        System.out.println("gettimeofday " + c.gettimeofday(now, null) + ": "
                + (Math.abs(now.seconds - System.currentTimeMillis() / 1000) <= 1));
        Pointer page = c.mmap(null, 8192, 3, 0x22, -1, 0);
        page.setString(4090, "across two pages");
        System.out.println("mmap: " + page.getString(4090) + ", munmap " + c.munmap(page, 8192));
        Function function = NativeLibrary.getInstance("m").getFunction("cos");
        System.out.println("cos " + function.invokeDouble(new Object[] {0.0}));
        Native.setProtected(true);
        if (Native.isProtected()) {
            try {
                new Pointer(8).getInt(0);
                System.out.println("read an address that is not there");
            } catch (Error e) {
                System.out.println("a fault became " + e.getClass().getName() + ": " + e.getMessage());
            }
        }
    }

    private static void sort(C c) {
        int[] numbers = new int[2000];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = i * 0x5bd1e995 >>> 4;
        }
        try (Memory memory = new Memory(numbers.length * 4L)) {
            memory.write(0, numbers, 0, numbers.length);
            int[] calls = {0};
            c.qsort(memory, numbers.length, 4, (a, b) -> {
                calls[0]++;
                return Integer.compare(a.getInt(0), b.getInt(0));
            });
            int[] sorted = memory.getIntArray(0, numbers.length);
            Arrays.sort(numbers);
            System.out.println("qsort " + Arrays.equals(numbers, sorted) + " by " + (calls[0] > 0 ? "callbacks" : "nothing")
                    + ", first " + List.of(sorted[0], sorted[1]));
        }
    }
}
