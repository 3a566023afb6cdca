"""What a UPnP gateway says, as text: device description, answer to a search, SOAP replies and faults."""

TYPES = {
    version: ["upnp:rootdevice", f"urn:schemas-upnp-org:device:InternetGatewayDevice:{version}",
              f"urn:schemas-upnp-org:service:WANIPConnection:{version}"] +
             # A second generation device answers for the first one, too (UPnP Device Architecture 1.1 §1.3.2).
             (["urn:schemas-upnp-org:device:InternetGatewayDevice:1", "urn:schemas-upnp-org:service:WANIPConnection:1"]
              if version == 2 else [])
    for version in (1, 2)
}
CONTROL = "/control/ip"
UUID = "uuid:5c0d7c1e-0000-4000-8000-00000000000"
ENVELOPE = ('<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>{}</s:Body></s:Envelope>')


def location_answer(target, location):
    return ("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nEXT:\r\nSERVER: laboratory/1.0 UPnP/1.1 scripted/1.0\r\n"
            f"ST: {target}\r\nUSN: {UUID}0::{target}\r\nLOCATION: {location}\r\n\r\n").encode()


def service(kind, version, path):
    return (f"<service><serviceType>urn:schemas-upnp-org:service:{kind}:{version}</serviceType>"
            f"<serviceId>urn:upnp-org:serviceId:{kind}1</serviceId><SCPDURL>/{path}.xml</SCPDURL>"
            f"<controlURL>/control/{path}</controlURL><eventSubURL>/event/{path}</eventSubURL></service>")


def device(kind, version, number, inner):
    return (f"<device><deviceType>urn:schemas-upnp-org:device:{kind}:{version}</deviceType>"
            f"<friendlyName>scripted gateway</friendlyName><manufacturer>laboratory</manufacturer>"
            f"<modelName>scripted</modelName><modelNumber>1</modelNumber><UDN>{UUID}{number}</UDN>{inner}</device>")


def describe(version):
    common = service("WANCommonInterfaceConfig", 1, "common")
    connection = device("WANConnectionDevice", version, 2,
                        f"<serviceList>{service('WANIPConnection', version, 'ip')}</serviceList>")
    wan = device("WANDevice", version, 1, f"<serviceList>{common}</serviceList><deviceList>{connection}</deviceList>")
    root = device("InternetGatewayDevice", version, 0, f"<deviceList>{wan}</deviceList>")
    return ('<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor>'
            f"</specVersion>{root}</root>")


def reply(action, values, version):
    words = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return ENVELOPE.format(f'<u:{action}Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:{version}">{words}'
                           f"</u:{action}Response>")


def fault(code):
    return ENVELOPE.format('<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError '
                           f'xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode>'
                           f"<errorDescription>laboratory</errorDescription></UPnPError></detail></s:Fault>")
