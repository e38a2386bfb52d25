// SPDX-License-Identifier: Apache-2.0

/** Opens a window. */
public final class Draws extends javax.swing.JFrame {
  private static final long serialVersionUID = 1;

  public static void main(String[] args) {
    new Draws().setVisible(true);
  }
}
