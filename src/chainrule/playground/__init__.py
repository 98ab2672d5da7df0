"""The playground: a small network on points in the plane, both passes one operation at a time, in the browser."""
