"""Fine-tune a CLIP on steel-defect images with texts, evaluate it, save it.

  accelerate launch train.py --recipe quickstart                  synthetic images, no download
  accelerate launch train.py --data-dir raw/ --model openai/clip-vit-base-patch32 --train-text T1
  accelerate launch train.py --config class-folders --data-dir my_images/ --train-text T0

Settings come from the defaults, then the recipe, then the flags. A run whose results the output folder
holds already is not run again (--overwrite).
"""

from steeldefectx.cli.training import train_main

if __name__ == "__main__":
    train_main(__doc__)
