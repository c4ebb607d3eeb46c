#!/usr/bin/env python3
"""One Waypost node on this machine, to try things out with. Started by tools/up.

Installs and builds what is needed, and starts a node in demonstration mode with the directory of the source
papers in it, and no cases. It serves until Ctrl-C.
"""

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile

import chapters_directory
import node as nodes
from cast import Cast
from client import Tool, ToolFailed

EPILOG = """
A demonstration folder takes nobody's real data: whoever can read it can make any token.
For anything else write a configuration and start waypost-node with it; see docs/operating.
"""


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/up", description=__doc__.split("\n\n", maxsplit=1)[1], epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="use this folder and keep it; without, a temporary one")
    parser.add_argument("--port", type=int, default=nodes.DEFAULT_PORT,
                        help=f"where to listen on 127.0.0.1 ({nodes.DEFAULT_PORT}; 0 for any free port)")
    parser.add_argument("--empty", action="store_true", help="leave the directory empty")
    parser.add_argument("--bin", help="build nothing; use the programs in this folder")
    return parser.parse_args()


def say(text):
    print(text, flush=True)


def serve(programs, node, options):
    node.start()
    tool = Tool(programs.waypost, node)
    cast = Cast(tool)
    if not options.empty and not chapters_directory.is_filled(cast):
        sent, _ = chapters_directory.fill(cast)
        say(f"the directory of the source papers: {sent} records")
    waypost = shlex.quote(programs.waypost)
    say(f"serving at {node.server}, data in {node.folder}; Ctrl-C ends it")
    say(f"  export WAYPOST_SERVER={node.server}")
    say(f"  export WAYPOST_TOKEN=$({waypost} token --data-dir {shlex.quote(node.data_dir)} "
        "--body es-fuenlabrada --role supervisor --subject me)")
    say(f"  {waypost} --help")
    return node.wait()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    folder = os.path.abspath(options.data_dir or tempfile.mkdtemp(prefix="waypost-up-"))
    os.makedirs(folder, exist_ok=True)
    programs = nodes.Programs(os.path.abspath(options.bin)) if options.bin else nodes.Programs()
    node = nodes.Node(programs, folder, options.port)
    code = None
    try:
        if not options.bin:
            nodes.build(say)
        code = serve(programs, node, options)
        say(f"the node ended by itself:\n{node.log_tail()}")
        return code or 1
    except KeyboardInterrupt:
        say("\nended")
        return 0
    except (nodes.NotReady, ToolFailed) as error:
        print(f"up: {error}", file=sys.stderr)
        return 3
    finally:
        node.stop()
        if not options.data_dir:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
