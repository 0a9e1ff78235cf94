"""``accelerate launch -m steeldefectx.train``: the command ``steeldefectx train``, on every GPU."""

from steeldefectx.cli.training import train_main

if __name__ == "__main__":
    train_main()
