<?php
// PHP: what its own server and its front controllers make of a target. One line for each reading.
$target = $_SERVER['REQUEST_URI'];
$parsed = parse_url($target, PHP_URL_PATH);
$readings = [
    'REQUEST_URI' => explode('?', $target)[0],
    'decoded' => rawurldecode(explode('?', $target)[0]),
];
if (is_string($parsed)) {
    $readings += ['parse_url' => $parsed, 'decoded parse_url' => rawurldecode($parsed)];
}
$told = $_SERVER['REQUEST_METHOD'] . ' ' . $target;
foreach ($readings as $name => $reading) {
    if (is_string($reading) && $reading !== '') {
        $told .= "\n$name\t$reading";
    }
}
header('Content-Length: ' . strlen($told));
echo $told;
