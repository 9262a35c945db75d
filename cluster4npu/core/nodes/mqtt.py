"""The MQTT output: each frame's results as JSON on a topic of a broker."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import NotDelivered, param
from cluster4npu.core.nodes.receiver import Receiver, ReceiverParams, secret_param

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_WILD = ("+", "#", "\0")


class Mqtt(Receiver):
    """Publishes results. It connects by itself again when the broker was away; what comes meanwhile is lost."""

    type = "mqtt"
    title = "MQTT"
    description = (
        "Publishes each frame's results as JSON on an MQTT topic; without a broker they are lost and counted."
    )

    class Params(ReceiverParams):
        host: str = param(
            "localhost", title="Broker", description="Its host name.", max_length=253, widget="address"
        )
        topic: str = param(
            "cluster4npu/results",
            title="Topic",
            description="Where to publish.",
            min_length=1,
            max_length=1000,
        )
        port: int = param(
            1883, title="Port", description="1883, or 8883 with TLS as a rule.", ge=1, le=65535, advanced=True
        )
        tls: bool = param(
            False, title="TLS", description="Encrypt, and check the broker's certificate.", advanced=True
        )
        sure: bool = param(
            False,
            title="Until confirmed",
            description="Send each message until the broker has confirmed it (QoS 1).",
            advanced=True,
        )
        username: str = param(
            "", title="User", description="Name at the broker; empty: none.", max_length=200, advanced=True
        )
        password_env: str = secret_param("Password from", "the password")
        timeout_s: float = param(
            2.0,
            title="Wait",
            description="A message that is not confirmed for so long was not taken.",
            unit="s",
            ge=0.05,
            le=60,
            advanced=True,
        )

    _client: Client | None = None

    def problems(self) -> list[Problem]:
        found = []
        if importlib.util.find_spec("paho") is None:
            hint = "Install it: pip install 'cluster4npu[mqtt]' (in a checkout: pip install paho-mqtt)."
            message = "MQTT needs paho-mqtt, which is not installed"
            found.append(Problem(message, node=self.id, field="host", hint=hint))
        if any(sign in self.params.topic for sign in _WILD):
            found.append(
                Problem(
                    "one cannot publish on a pattern of topics",
                    node=self.id,
                    field="topic",
                    found=self.params.topic,
                    allowed="a topic without + and #",
                    hint="Name the topic in full.",
                )
            )
        return found + self.secret_problems("password_env")

    def connect(self) -> None:
        """Start to connect on a thread of the client's; raises InputError when the host cannot be a host at all."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2)
        if self.params.username:
            client.username_pw_set(self.params.username, self.secret("password_env") or None)
        if self.params.tls:
            client.tls_set()
        client.reconnect_delay_set(1, 10)
        client.max_queued_messages_set(self.most_waiting)
        try:
            client.connect_async(self.params.host, self.params.port, keepalive=30)
        except ValueError as error:
            raise InputError(
                Problem("this is no host", node=self.id, field="host", found=self.params.host)
            ) from error
        client.loop_start()
        self._client = client

    def send(self, message: bytes) -> None:
        """Publish one message; raises NotDelivered without a broker, or when it does not confirm in time."""
        client = self._client
        if client is None or not client.is_connected():
            raise NotDelivered("not connected to the broker")
        sent = client.publish(self.params.topic, message, qos=1 if self.params.sure else 0)
        try:
            sent.wait_for_publish(self.params.timeout_s)
            taken = sent.is_published()
        except (RuntimeError, ValueError) as error:
            raise NotDelivered(f"the message was refused: {error}") from None
        if not taken:
            raise NotDelivered("the broker did not take it in time")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
