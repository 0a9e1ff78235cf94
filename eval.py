"""``python eval.py``: the command ``steeldefectx eval``; ``--help`` lists the flags."""

from steeldefectx.cli.training import eval_main

if __name__ == "__main__":
    eval_main()
