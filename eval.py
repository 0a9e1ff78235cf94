"""Evaluate a checkpoint, or any CLIP zero-shot, on a config or a folder of images.

python eval.py --checkpoint runs/latest                          on the data it was trained on
python eval.py --checkpoint runs/latest --data-dir raw/ --split all
python eval.py --checkpoint openai/clip-vit-base-patch32 --config sample --text T1
"""

from steeldefectx.cli.training import eval_main

if __name__ == "__main__":
    eval_main(__doc__)
