# SPDX-License-Identifier: Apache-2.0
"""A small reader of HotSpot's heap dumps (hprof, JAVA PROFILE 1.0.2): how many objects each class has.

It reads the file to its last byte and refuses what does not fit, so a dump that was cut short or written
wrongly is not taken for a whole one. Format: the comment at the top of HotSpot's services/heapDumper.cpp.
"""

import collections
import mmap
import struct

STRING, LOAD_CLASS, HEAP_DUMP_SEGMENT, HEAP_DUMP_END = 0x01, 0x02, 0x1c, 0x2c
# Bytes behind the identifiers, by how many identifiers, of the roots.
ROOTS = {0xff: (1, 0), 0x01: (2, 0), 0x02: (1, 8), 0x03: (1, 8), 0x04: (1, 4), 0x05: (1, 0), 0x06: (1, 4),
         0x07: (1, 0), 0x08: (1, 8)}
CLASS_DUMP, INSTANCE_DUMP, OBJECT_ARRAY, PRIMITIVE_ARRAY = 0x20, 0x21, 0x22, 0x23


class Reader:
    def __init__(self, data):
        self.data = data
        magic_end = data.find(b"\0") + 1
        if data[:magic_end] != b"JAVA PROFILE 1.0.2\0":
            raise ValueError(f"no heap dump: begins with {data[:20]!r}")
        self.id_size, = struct.unpack_from(">I", data, magic_end)
        self.start = magic_end + 12
        self.strings, self.class_names = {}, {}
        self.instances, self.arrays, self.segments, self.ended = collections.Counter(), collections.Counter(), 0, False
        # Sizes of values by their type: 2 is a reference.
        self.sizes = {2: self.id_size, 4: 1, 5: 2, 6: 4, 7: 8, 8: 1, 9: 2, 10: 4, 11: 8}

    def identifier(self, at):
        return int.from_bytes(self.data[at:at + self.id_size], "big")

    def read(self):
        at, end = self.start, len(self.data)
        while at < end:
            tag, _, size = struct.unpack_from(">BII", self.data, at)
            body = at + 9
            at = body + size
            if at > end:
                raise ValueError(f"a record of {size} bytes goes past the file's end")
            if tag == STRING:
                self.strings[self.identifier(body)] = self.data[body + self.id_size:at]
            elif tag == LOAD_CLASS:
                self.class_names[self.identifier(body + 4)] = self.identifier(body + 8 + self.id_size)
            elif tag == HEAP_DUMP_SEGMENT:
                self.segments += 1
                self.read_segment(body, at)
            self.ended = tag == HEAP_DUMP_END
        if not self.ended:
            raise ValueError("the last record is not the end of a heap dump")
        return self

    def read_segment(self, at, end):
        while at < end:
            at = self.read_object(at)
        if at != end:
            raise ValueError("an object goes past its segment's end")

    def read_object(self, at):
        tag, width = self.data[at], self.id_size
        at += 1
        if tag in ROOTS:
            identifiers, more = ROOTS[tag]
            return at + identifiers * width + more
        if tag == INSTANCE_DUMP:
            self.instances[self.identifier(at + width + 4)] += 1
            size, = struct.unpack_from(">I", self.data, at + 2 * width + 4)
            return at + 2 * width + 8 + size
        if tag == OBJECT_ARRAY:
            count, = struct.unpack_from(">I", self.data, at + width + 4)
            return at + 2 * width + 8 + count * width
        if tag == PRIMITIVE_ARRAY:
            count, kind = struct.unpack_from(">IB", self.data, at + width + 4)
            self.arrays[kind] += 1
            return at + width + 9 + count * self.sizes[kind]
        if tag == CLASS_DUMP:
            return self.skip_class(at)
        raise ValueError(f"no such kind of object: {tag:#x}")

    def skip_class(self, at):
        at += 7 * self.id_size + 8
        constants, = struct.unpack_from(">H", self.data, at)
        at += 2
        for _ in range(constants):
            at += 3 + self.sizes[self.data[at + 2]]
        statics, = struct.unpack_from(">H", self.data, at)
        at += 2
        for _ in range(statics):
            at += self.id_size + 1 + self.sizes[self.data[at + self.id_size]]
        fields, = struct.unpack_from(">H", self.data, at)
        return at + 2 + fields * (self.id_size + 1)

    def count(self, class_name):
        """Of a class in the file's own spelling: Target$Marker."""
        return sum(number for identifier, number in self.instances.items()
                   if self.strings.get(self.class_names.get(identifier)) == class_name.encode())


def read(path):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = Reader(data).read()
        reader.data = None
        return reader
