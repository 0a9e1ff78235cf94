"""A folder of plausible results of all four tasks, made up."""

import hashlib
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from steeldefectx import metrics
from steeldefectx.taxonomy import CLASSES

VERSIONS = {"steeldefectx": "0.1.0+0123456789ab", "torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.4.6"}
ALUMINIUM = (
    "bruise",
    "concave",
    "dirty spot",
    "leakage",
    "orange peel",
    "paint bubble",
    "pit",
    "scrape",
    "scratch",
    "stain",
)
TUBES = ("crack", "pit", "scab", "scar", "warp")


class Data:
    """Classes with their training and test images."""

    def __init__(self, name, config, train, test):
        self.name, self.config, self.train = name, config, train
        self.classes = list(train)
        self.labels = np.repeat(np.arange(len(test)), list(test.values()))
        self.images = [hashlib.sha256(f"{name}/{n}".encode()).hexdigest() for n in range(len(self.labels))]
        draw = np.random.default_rng(len(self.labels))
        self.hard = draw.normal(size=len(self.labels))  # how hard each image is, for every model
        sizes = np.array(list(train.values()), dtype=float)
        self.class_hard = draw.normal(size=len(test)) * 0.5 - 0.5 * np.log(sizes / sizes.mean())


def release(config="default", scale=1.0):
    sizes = {c.name: sum(c.released.values()) for c in CLASSES}
    train = {name: math.ceil(0.7 * n * scale) for name, n in sizes.items()}
    test = {name: max(2, round(n * scale) - train[name]) for name, n in sizes.items()}
    return Data("/data/raw" if config == "default" else config, config, train, test)


def target(config, classes, images):
    counts = {name: images // len(classes) + (n < images % len(classes)) for n, name in enumerate(classes)}
    return Data(config, config, {name: 2 * n for name, n in counts.items()}, counts)


class Writer:
    """Makes lines and their predictions."""

    def __init__(self, folder):
        self.folder, self.lines = folder, []
        (folder / "predictions").mkdir(parents=True)

    def add(self, task, data, skill, seed, **settings):
        """One cell whose accuracy is about ``skill``."""
        cell = hashlib.sha256(json.dumps([task, data.name, skill, seed, settings]).encode()).hexdigest()[:16]
        labels, predicted, confidences = predict(data, skill, int(cell[:8], 16))
        recalls = metrics.per_class_recall(predicted, labels)
        counts = dict(enumerate(data.train.values()))
        shots = settings.get("shots")
        file = f"predictions/{cell}.parquet"
        columns = {"image": data.images, "label": labels, "prediction": predicted, "confidence": confidences}
        pq.write_table(pa.table(columns), self.folder / file)
        line = {
            "cell": cell,
            "status": "done",
            "error": None,
            "task": task,
            "dataset": data.name,
            "config": data.config,
            "model": None,
            "method": "classifier",
            "train_text": None,
            "test_text": None,
            "text_control": None,
            "shots": None,
            "seed": seed,
            "train_on": data.name,
            "test_on": data.name,
            "accuracy": metrics.accuracy(predicted, labels),
            "mean_accuracy": metrics.mean_accuracy(predicted, labels),
            "macro_f1": metrics.macro_f1(predicted, labels),
            "calibration_error": metrics.calibration_error(predicted, labels, confidences),
            **metrics.group_accuracy(predicted, labels, {k: shots if shots else n for k, n in counts.items()}),
            "per_class": {data.classes[label]: recall for label, recall in recalls.items()},
            "n_train": sum(data.train.values()) if shots is None else shots * len(data.classes),
            "n_test": len(labels),
            "train_counts": data.train if shots is None else dict.fromkeys(data.classes, shots),
            "classes": data.classes,
            "chosen": {"alpha": 1.0 + seed, "beta": 5.5} if shots else {},
            "validated": bool(shots),
            "seconds": {"train": 10.5 + seed, "test": 1.5, "total": 12.0 + seed},
            "recipe": {"lr": 1e-4, "epochs": 20, "seed": seed, "model": settings.get("model")},
            "data_fingerprint": hashlib.sha256(data.name.encode()).hexdigest(),
            "versions": VERSIONS,
            "predictions": file,
        } | settings
        self.lines.append(line)
        return line

    def fail(self, line, error):
        """Turn a cell into one that failed."""
        null = ("accuracy", "mean_accuracy", "macro_f1", "calibration_error", "head_accuracy", "medium_accuracy")
        null += ("tail_accuracy", "per_class", "n_train", "n_test", "train_counts", "classes", "predictions")
        line.update(dict.fromkeys(null), status="failed", error=error)

    def write(self):
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        (self.folder / "results.jsonl").write_text(text)
        return self.folder


def predict(data, skill, seed):
    draw = np.random.default_rng(seed)
    labels = data.labels
    noise = 1.2 * data.hard + data.class_hard[labels] + 0.6 * draw.normal(size=len(labels))
    wrong = noise > np.quantile(noise, min(1.0, max(0.0, skill + 0.004 * draw.normal())))
    step = np.where(draw.random(len(labels)) < 0.6, 1, draw.integers(1, max(2, len(data.classes)), len(labels)))
    predicted = np.where(wrong, (labels + step) % len(data.classes), labels)
    confidences = np.clip(np.where(wrong, 0.6, 0.9) + 0.1 * draw.normal(size=len(labels)), 0.1, 1)
    return labels, predicted, confidences.astype(np.float32)


def write_all(folder, config="default", scale=1.0, seeds=(0, 1, 2)):
    """All four tasks, with a failed cell and a combination that is not there yet."""
    data, writer = release(config, scale), Writer(folder)
    for seed in seeds:
        for model, skill in [("shufflenet-v2-x1-0", 0.961), ("microsoft/resnet-101", 0.941), ("vit-b-16", 0.47)]:
            writer.add("task1", data, skill, seed, model=model)
        _task2(writer, data, seed)
        _task3(writer, data, seed)
        _task4(writer, data, seed)
    return writer


LONG, BASE = "zer0int/LongCLIP-L-Diffusers", "openai/clip-vit-base-patch16"
SHUFFLED = ("shuffled-within-class", "shuffled-across-classes")


def _task2(writer, data, seed):
    for model, gain in [(LONG, 0), ("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", -0.05), (BASE, -0.12)]:
        for level, more in [("T0", 0.012), ("T1", 0.008), ("T2", 0.0), ("T3", 0.003)]:
            settings = {"model": model, "method": "clip-adapter", "train_text": level, "test_text": "T0"}
            writer.add("task2", data, 0.935 + gain + more, seed, **settings)
        for control, loss in zip(SHUFFLED, (0.002, 0.4), strict=True):
            writer.add("task2", data, 0.938 + gain - loss, seed, **settings, text_control=control)


def _task3(writer, data, seed):
    common = {"model": LONG}
    if seed == 0:
        for text, skill in [("T0", 0.076), ("T1", 0.113), ("T1-ensemble", 0.131)]:
            writer.add("task3", data, skill, 0, **common, method="zero-shot", test_text=text, shots=0)
    methods = {"clip-adapter": 0.6, "tip-adapter": 0.5, "tip-adapter-f": 0.56, "linear-probe": 0.52, "lp++": 0.58}
    methods |= {"coop": 0.57, "clip-lora": 0.66, "full-rank": 0.68}
    for level, loss in [("T0", 0), ("T3", 0.05)]:
        for method, skill in methods.items():
            for shots in (1, 2, 4, 8):
                if method == "full-rank" and shots == 8 and level == "T3":
                    continue
                settings = common | {"method": method, "train_text": level, "test_text": level, "shots": shots}
                line = writer.add("task3", data, skill - loss + 0.09 * math.log2(shots), seed, **settings)
                if (method, level, seed) == ("coop", "T3", 1) and shots in (4, 8):
                    writer.fail(line, "ModelError: out of memory in <towers>; give a smaller batch_size.")
        for shots in (1, 8):
            for control, less in zip(SHUFFLED, (0.0, 0.2), strict=True):
                if level == "T3":
                    settings = common | {"method": "clip-adapter", "train_text": level, "test_text": level}
                    skill = methods["clip-adapter"] - loss - less + 0.09 * math.log2(shots)
                    writer.add("task3", data, skill, seed, **settings, shots=shots, text_control=control)


def _task4(writer, data, seed):
    steps = {"zero-shot": (0.086, 0.251), "T0": (0.13, 0.28), "T1": (0.2, 0.34), "T2": (0.25, 0.34), "T3": (0.29, 0.4)}
    targets = (target("msd-cls", ALUMINIUM, 186), target("cgfsds-9", TUBES, 219))
    for position, goal in enumerate(targets):
        for step, skills in steps.items():
            if step == "zero-shot" and seed:
                continue
            method = {"method": "zero-shot"} if step == "zero-shot" else {"method": "clip-adapter", "train_text": step}
            settings = method | {"model": LONG, "test_text": "T0", "dataset": data.name, "config": data.config}
            where = {"train_on": data.name, "test_on": f"{goal.config}:/data/{goal.config}"}
            where |= {"n_train": sum(data.train.values()), "train_counts": data.train}
            writer.add("task4", goal, skills[position], seed, **settings, **where)
        for control, less in zip(SHUFFLED, (0.02, 0.15), strict=True):
            settings["text_control"] = control
            writer.add("task4", goal, steps["T3"][position] - less, seed, **settings, **where)
