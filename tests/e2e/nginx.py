"""nginx beside the programs: alone in the foreground, with everything that it writes in the test's directory."""

CONFIG = """
user root; daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}/n1; proxy_temp_path {dir}/n2; fastcgi_temp_path {dir}/n3;
  uwsgi_temp_path {dir}/n4; scgi_temp_path {dir}/n5;
  server {{
    {server}
  }}
}}
"""


def nginx_config(directory, server):
    """`server`: what stands in its one server block."""
    return CONFIG.format(dir=directory, server=server.strip())
