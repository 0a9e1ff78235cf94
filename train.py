"""``accelerate launch train.py``: the command ``steeldefectx train``, on every GPU; ``--help`` lists the flags."""

from steeldefectx.cli.training import train_main

if __name__ == "__main__":
    train_main()
