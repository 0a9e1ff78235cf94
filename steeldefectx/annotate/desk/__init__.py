"""The review desk: two annotators correct T2 to T3."""
