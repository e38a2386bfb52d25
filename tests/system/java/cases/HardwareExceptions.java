// SPDX-License-Identifier: Apache-2.0
/** NullPointerException and ArithmeticException from faults in compiled code, 100,000 of the first. */
public final class HardwareExceptions {
  private static final class Node {
    int value = 1;
    Node next;
    long[] data;
  }

  private static int field(Node node) {
    return node.value;
  }

  private static long element(Node node) {
    return node.next.data[3];
  }

  private static int quotient(int a, int b) {
    return a / b;
  }

  public static void main(String[] args) {
    int caught = 0;
    long sum = 0;
    Node node = new Node();
    for (int i = 0; i < 300_000; i++) {
      try {
        sum += field(i % 3 == 0 ? null : node);
      } catch (NullPointerException e) {
        caught++;
      }
    }
    System.out.println("fields: " + caught + " caught, sum " + sum);
    caught = 0;
    for (int i = 0; i < 20_000; i++) {
      try {
        sum += element(node);
      } catch (NullPointerException e) {
        caught++;
      }
    }
    System.out.println("elements: " + caught + " caught");
    caught = 0;
    for (int i = 0; i < 60_000; i++) {
      try {
        sum += quotient(1000 + i, i % 3);
      } catch (ArithmeticException e) {
        caught++;
      }
    }
    System.out.println("quotients: " + caught + " caught, sum " + sum);
    System.out.println("smallest by -1: " + quotient(Integer.MIN_VALUE, -1));
  }
}
