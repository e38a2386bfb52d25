// SPDX-License-Identifier: Apache-2.0

import jakarta.websocket.OnMessage;
import jakarta.websocket.server.ServerEndpoint;

/** Gives back each WebSocket message. */
@ServerEndpoint("/echo")
public class EchoEndpoint {
    @OnMessage
    public String text(String message) {
        return message;
    }

    @OnMessage
    public byte[] binary(byte[] message) {
        return message;
    }
}
